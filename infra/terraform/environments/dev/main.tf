# The same in every environment: what differs stands in environment.yaml, what is of one account in terraform.tfvars.

locals {
  values = yamldecode(file("${path.module}/environment.yaml"))
}

module "platform" {
  source    = "../../modules/platform"
  providers = { aws = aws, aws.replica = aws.replica }

  environment        = local.values.environment
  protected          = local.values.protected
  network            = local.values.network
  lake               = local.values.lake
  warehouse          = local.values.warehouse
  glue               = local.values.glue
  flow_run           = local.values.flow_run
  workers            = var.first_apply ? 0 : local.values.workers
  replication        = local.values.replication
  schedules          = local.values.schedules
  backup_days        = local.values.backup_days
  backup_lock_days   = local.values.backup_lock_days
  log_days           = local.values.log_days
  monthly_budget_usd = local.values.monthly_budget_usd
  thresholds         = local.values.thresholds

  prefect_api_url      = var.prefect_api_url
  image_tag            = var.image_tag
  alert_emails         = var.alert_emails
  github_repository    = var.github_repository
  state_bucket         = var.state_bucket
  create_oidc_provider = var.create_oidc_provider
  activate_cost_tags   = var.activate_cost_tags
  landing_package      = abspath("${path.module}/${var.landing_package}")
  contracts_dir        = abspath("${path.module}/../../../../contracts")
}
