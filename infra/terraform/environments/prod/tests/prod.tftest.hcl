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
  prefect_api_url   = "https://api.prefect.cloud/api/accounts/a/workspaces/w"
  image_tag         = "v1.2.3"
  alert_emails      = { critical = ["on-call@example.org"] }
  github_repository = "example/ecommerce-warehouse"
  state_bucket      = "warehouse-terraform-111122223333"
  landing_package   = "main.tf"
}

run "it_is_prod" {
  assert {
    condition     = output.work_pool.environment["DW_DEPLOYMENT"] == "prod"
    error_message = "metrics and alerts would bear another environment's name"
  }
  assert {
    condition     = output.work_pool.family == "warehouse-prod-run" && output.dashboard_name == "warehouse-prod"
    error_message = "things are not named after the environment"
  }
  assert {
    condition     = endswith(output.image, ":v1.2.3") && output.work_pool.image == output.image
    error_message = "runs have another image than the one that was asked for"
  }
  assert {
    condition     = output.work_pool.cpu == 4096 && output.work_pool.memory == 16384 && output.work_pool.ephemeral_storage_gib == 200
    error_message = "runs are of another size than environment.yaml says"
  }
  assert {
    condition     = length(setsubtract(["raw", "clean", "curated", "quarantine"], keys(output.replica_buckets))) == 0
    error_message = "data of prod has no copy in the other region"
  }
  assert {
    condition     = contains(keys(output.alarm_names), "run-failed") && output.alarm_names["critical"] == "warehouse-prod-critical"
    error_message = "alarms are missing"
  }
}

run "an_account_must_name_somebody_to_call" {
  command = plan

  variables {
    alert_emails = { warning = ["data-team@example.org"] }
  }

  expect_failures = [var.alert_emails]
}

run "latest_is_no_tag" {
  command = plan

  variables {
    image_tag = "latest"
  }

  expect_failures = [var.image_tag]
}
