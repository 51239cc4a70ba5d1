# The whole of an environment, from its modules. Environments give values; what is wired to what stands here, once.

data "aws_region" "replica" {
  provider = aws.replica
}

locals {
  name        = "warehouse-${var.environment}"
  copy_region = var.replication ? data.aws_region.replica.name : null
}

module "lake" {
  source    = "../lake"
  providers = { aws = aws, aws.replica = aws.replica }

  name            = local.name
  environment     = var.environment
  replica         = var.replication
  noncurrent_days = var.lake.noncurrent_days
  infrequent_days = var.lake.infrequent_days
  glacier_days    = var.lake.glacier_days
  access_log_days = var.log_days
  force_destroy   = !var.protected
}

module "network" {
  source = "../network"

  name                    = local.name
  environment             = var.environment
  kms_key_arn             = module.lake.kms_key_arn
  cidr                    = var.network.cidr
  az_count                = var.network.availability_zones
  nat                     = var.network.nat
  interface_endpoints     = var.network.interface_endpoints
  flow_log_retention_days = var.log_days
}

module "warehouse" {
  source    = "../warehouse"
  providers = { aws = aws, aws.replica = aws.replica }

  name                      = local.name
  environment               = var.environment
  kms_key_arn               = module.lake.kms_key_arn
  subnet_ids                = module.network.private_subnet_ids
  security_group_id         = module.network.security_group_ids["warehouse"]
  lake_buckets              = module.lake.buckets
  node_type                 = var.warehouse.node_type
  number_of_nodes           = var.warehouse.nodes
  snapshot_retention_days   = var.warehouse.snapshot_days
  snapshot_copy_region      = local.copy_region
  snapshot_copy_kms_key_arn = module.lake.replica_kms_key_arn
  office_hours              = var.warehouse.office_hours
  skip_final_snapshot       = !var.protected
  log_retention_days        = var.log_days
}

module "glue" {
  source = "../glue"

  name               = local.name
  environment        = var.environment
  kms_key_arn        = module.lake.kms_key_arn
  buckets            = module.lake.buckets
  contracts_dir      = var.contracts_dir
  subnet_id          = module.network.private_subnet_ids[0]
  security_group_id  = module.network.security_group_ids["glue"]
  worker_type        = var.glue.worker_type
  number_of_workers  = var.glue.workers
  log_retention_days = var.log_days
}

module "orchestration" {
  source = "../orchestration"

  name                     = local.name
  environment              = var.environment
  kms_key_arn              = module.lake.kms_key_arn
  buckets                  = module.lake.buckets
  private_subnet_ids       = module.network.private_subnet_ids
  worker_security_group_id = module.network.security_group_ids["worker"]
  cluster_arn              = module.warehouse.cluster_arn
  cluster_identifier       = module.warehouse.cluster_identifier
  database                 = module.warehouse.database
  copy_role_arn            = module.warehouse.copy_role_arn
  glue_job_arn             = module.glue.job_arn
  glue_job_name            = module.glue.job_name
  prefect_api_url          = var.prefect_api_url
  alert_topic_arns         = module.monitoring.topic_arns
  image_tag                = var.image_tag
  task_cpu                 = var.flow_run.cpu
  task_memory              = var.flow_run.memory_mib
  ephemeral_storage_gib    = var.flow_run.disk_gib
  worker_count             = var.workers
  schedules                = var.schedules
  log_retention_days       = var.log_days
  force_destroy            = !var.protected
}

module "landing" {
  source = "../landing"

  name               = local.name
  environment        = var.environment
  kms_key_arn        = module.lake.kms_key_arn
  buckets            = module.lake.buckets
  package_path       = var.landing_package
  prefect_api_url    = var.prefect_api_url
  prefect_secret_arn = module.orchestration.prefect_secret_arn
  alert_topic_arn    = module.monitoring.topic_arns["warning"]
  subnet_ids         = module.network.private_subnet_ids
  security_group_id  = module.network.security_group_ids["landing"]
  log_retention_days = var.log_days
}

module "monitoring" {
  source = "../monitoring"

  name               = local.name
  environment        = var.environment
  kms_key_arn        = module.lake.kms_key_arn
  alert_emails       = var.alert_emails
  log_groups         = { run = module.orchestration.log_group_name, worker = module.orchestration.worker_log_group_name }
  queues             = { observer = module.orchestration.observer_queue_name, dead_letters = [module.orchestration.observer_dlq_name, module.landing.dlq_name] }
  event_rules        = [module.orchestration.observer_rule_name, module.landing.rule_name]
  cluster_identifier = module.warehouse.cluster_identifier
  # A paused cluster tells nothing, and is not ill.
  office_hours        = var.warehouse.office_hours
  state_machine_arn   = module.landing.state_machine_arn
  function_names      = module.landing.function_names
  glue_job_name       = module.glue.job_name
  ecs_cluster_name    = module.orchestration.ecs_cluster_name
  worker_service_name = module.orchestration.worker_service_name
  log_retention_days  = var.log_days
  thresholds          = var.thresholds
}

module "backup" {
  source    = "../backup"
  providers = { aws = aws, aws.replica = aws.replica }

  name             = local.name
  environment      = var.environment
  kms_key_arn      = module.lake.kms_key_arn
  cluster_arn      = module.warehouse.cluster_arn
  buckets          = module.lake.buckets
  retention_days   = var.backup_days
  lock_min_days    = var.backup_lock_days
  copy_region      = local.copy_region
  copy_kms_key_arn = module.lake.replica_kms_key_arn
  alert_topic_arn  = module.monitoring.topic_arns["critical"]
}

module "cost" {
  source = "../cost"

  name               = local.name
  environment        = var.environment
  monthly_budget_usd = var.monthly_budget_usd
  alert_topic_arn    = module.monitoring.topic_arns["warning"]
  activate_tags      = var.activate_cost_tags
}

module "ci" {
  source = "../ci"

  name                 = local.name
  environment          = var.environment
  github_repository    = var.github_repository
  create_oidc_provider = var.create_oidc_provider
  repository_arn       = module.orchestration.repository_arn
  state_bucket         = var.state_bucket
}
