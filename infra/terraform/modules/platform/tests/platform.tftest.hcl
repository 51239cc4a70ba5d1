mock_provider "aws" {
  source = "../../testing/mocks"
}

mock_provider "aws" {
  alias  = "replica"
  source = "../../testing/mocks"

  mock_data "aws_region" {
    defaults = { name = "ap-southeast-1" }
  }
}

variables {
  environment          = "staging"
  protected            = true
  network              = { cidr = "10.30.0.0/16", availability_zones = 3, nat = "single" }
  lake                 = { noncurrent_days = 14, infrequent_days = 30, glacier_days = 90 }
  warehouse            = { node_type = "ra3.large", nodes = 2, snapshot_days = 7, office_hours = false }
  glue                 = { worker_type = "G.1X", workers = 2 }
  flow_run             = { cpu = 2048, memory_mib = 8192, disk_gib = 100 }
  workers              = 1
  schedules            = { daily = "30 2 * * *", maintenance = "30 5 * * 0", quality_report = "0 8 * * 1" }
  replication          = false
  backup_days          = 14
  log_days             = 90
  monthly_budget_usd   = 1500
  alert_emails         = { critical = ["on-call@example.org"] }
  prefect_api_url      = "https://api.prefect.cloud/api/accounts/a/workspaces/w"
  image_tag            = "v1.2.3"
  contracts_dir        = "../../../../contracts"
  landing_package      = "main.tf"
  github_repository    = "example/ecommerce-warehouse"
  state_bucket         = "warehouse-terraform-111122223333"
  create_oidc_provider = true
  activate_cost_tags   = false
}

run "what_is_made_by_one_module_is_used_by_the_others" {
  assert {
    condition     = module.orchestration.environment_variables["DW_KMS_KEY"] == module.lake.kms_key_arn
    error_message = "runs write with another key than the lake's"
  }
  assert {
    condition     = module.orchestration.environment_variables["DW_REDSHIFT_ROLE"] == module.warehouse.copy_role_arn
    error_message = "runs name another role for COPY"
  }
  assert {
    condition     = module.orchestration.environment_variables["DW_GLUE_JOB"] == module.glue.job_name
    error_message = "runs start another job"
  }
  assert {
    condition     = module.orchestration.environment_variables["DW_REDSHIFT_CLUSTER"] == module.warehouse.cluster_identifier
    error_message = "runs log in to another cluster"
  }
  assert {
    condition     = tolist(output.work_pool.security_group_ids) == tolist([module.network.security_group_ids["worker"]]) && tolist(output.work_pool.subnet_ids) == tolist(module.network.private_subnet_ids)
    error_message = "runs begin in another network"
  }
  assert {
    condition     = output.work_pool.cpu == 2048 && output.work_pool.memory == 8192 && output.work_pool.ephemeral_storage_gib == 100
    error_message = "runs are of another size"
  }
  assert {
    condition     = output.artifacts_bucket == module.lake.buckets["artifacts"].id
    error_message = "the bundle would be copied elsewhere"
  }
  assert {
    condition     = startswith(output.database_user, "IAMR:warehouse-staging-")
    error_message = "database_user is ${output.database_user}"
  }
  assert {
    condition     = length(output.replica_buckets) == 0
    error_message = "there are copies without replication"
  }
}

run "copies_go_to_the_other_region" {
  variables {
    replication = true
  }

  assert {
    condition     = length(setsubtract(["raw", "clean", "curated", "quarantine"], keys(output.replica_buckets))) == 0
    error_message = "data has no copy in the other region"
  }
}

run "an_alarm_that_nobody_knows_has_no_threshold" {
  command = plan

  variables {
    thresholds = { freshness_hour = 3 }
  }

  expect_failures = [var.thresholds]
}

run "a_network_without_a_sense_is_refused" {
  command = plan

  variables {
    network = { cidr = "10.30.0.0/16", availability_zones = 3, nat = "each" }
  }

  expect_failures = [var.network]
}
