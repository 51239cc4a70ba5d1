mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name        = "warehouse-dev"
  environment = "dev"
  kms_key_arn = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  buckets = { for layer in ["raw", "clean", "curated", "quarantine", "artifacts", "site", "logs"] : layer => {
    id  = "warehouse-dev-111122223333-${layer}"
    arn = "arn:aws:s3:::warehouse-dev-111122223333-${layer}"
  } }
  private_subnet_ids       = ["subnet-a", "subnet-b", "subnet-c"]
  worker_security_group_id = "sg-worker"
  cluster_arn              = "arn:aws:redshift:ap-south-1:111122223333:cluster:warehouse-dev"
  cluster_identifier       = "warehouse-dev"
  database                 = "warehouse"
  copy_role_arn            = "arn:aws:iam::111122223333:role/warehouse-dev-copy"
  glue_job_arn             = "arn:aws:glue:ap-south-1:111122223333:job/warehouse-dev-curate"
  glue_job_name            = "warehouse-dev-curate"
  prefect_api_url          = "https://api.prefect.cloud/api/accounts/a/workspaces/w"
  alert_topic_arns = {
    critical = "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-critical"
    warning  = "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-warning"
  }
  image_tag             = "v1.2.3"
  task_cpu              = 2048
  task_memory           = 8192
  ephemeral_storage_gib = 50
  log_retention_days    = 30
  schedules             = { daily = "30 2 * * *", maintenance = "30 5 * * 0", quality_report = "0 8 * * 1" }
}

run "images_cannot_change_under_their_tag" {
  assert {
    condition     = aws_ecr_repository.this.image_tag_mutability == "IMMUTABLE"
    error_message = "a tag may be moved"
  }
  assert {
    condition     = aws_ecr_repository.this.image_scanning_configuration[0].scan_on_push
    error_message = "images are not scanned"
  }
  assert {
    condition     = aws_ecr_repository.this.encryption_configuration[0].kms_key == var.kms_key_arn
    error_message = "images are not encrypted with our key"
  }
  assert {
    condition     = !aws_ecr_repository.this.force_delete
    error_message = "destroy would remove images"
  }
}

run "a_flow_run_is_told_where_everything_is" {
  assert {
    condition     = output.environment_variables["DW_LAKE_URL"] == "s3://warehouse-dev-111122223333-{layer}"
    error_message = "DW_LAKE_URL is ${output.environment_variables["DW_LAKE_URL"]}"
  }
  assert {
    condition     = output.environment_variables["DW_ALERT_TOPIC"] == "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-{severity}"
    error_message = "DW_ALERT_TOPIC is ${output.environment_variables["DW_ALERT_TOPIC"]}"
  }
  assert {
    condition     = output.environment_variables["DW_INBOX_URL"] == "s3://warehouse-dev-111122223333-raw/inbox"
    error_message = "DW_INBOX_URL is ${output.environment_variables["DW_INBOX_URL"]}"
  }
  assert {
    condition     = output.environment_variables["DW_DEPLOYMENT"] == "dev"
    error_message = "metrics would bear another environment"
  }
  assert {
    condition     = !contains(keys(output.environment_variables), "PREFECT_API_KEY")
    error_message = "the key of Prefect is written in clear"
  }
  assert {
    condition     = output.work_pool.family == "warehouse-dev-run" && output.work_pool.environment == output.environment_variables
    error_message = "the base job template would be filled with other values"
  }
}

run "the_worker_writes_nowhere_and_is_nobody" {
  assert {
    condition     = alltrue([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : c.readonlyRootFilesystem])
    error_message = "a root file system can be written"
  }
  assert {
    condition     = alltrue([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : c.user == "10001:10001"])
    error_message = "a container runs as root"
  }
  assert {
    condition     = alltrue([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : c.linuxParameters.capabilities.drop == ["ALL"]])
    error_message = "a container keeps capabilities"
  }
  assert {
    condition = alltrue(flatten([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : [
      for mount in c.mountPoints : contains(aws_ecs_task_definition.worker.volume[*].name, mount.sourceVolume)
    ]]))
    error_message = "a mounted volume is not there"
  }
  assert {
    condition     = alltrue([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : c.image == "${aws_ecr_repository.this.repository_url}:v1.2.3"])
    error_message = "a container has another image"
  }
  assert {
    condition = alltrue([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) :
      c.secrets == [{ name = "PREFECT_API_KEY", valueFrom = aws_secretsmanager_secret.prefect.arn }]
    ])
    error_message = "the key of Prefect does not come from the secret"
  }
  assert {
    condition = contains(one([for c in jsondecode(aws_ecs_task_definition.worker.container_definitions) : c.environment if c.name == "worker"]), {
      name  = "PREFECT_INTEGRATIONS_AWS_ECS_OBSERVER_SQS_QUEUE_NAME"
      value = "warehouse-dev-observer"
    })
    error_message = "the worker watches another queue"
  }
  assert {
    condition     = aws_ecs_service.worker.deployment_circuit_breaker[0].enable && aws_ecs_service.worker.deployment_circuit_breaker[0].rollback
    error_message = "a worker that does not start is not rolled back"
  }
  assert {
    condition     = !aws_ecs_service.worker.network_configuration[0].assign_public_ip
    error_message = "the worker has a public address"
  }
}

run "the_worker_starts_runs_and_nothing_else" {
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.worker.statement :
      tolist(s.resources) == tolist(["arn:aws:ecs:ap-south-1:111122223333:task-definition/warehouse-dev-run:*"])
      && one(s.condition).variable == "ecs:cluster" if contains(s.actions, "ecs:RunTask")
    ])
    error_message = "RunTask is not bound to the family of flow runs and to the cluster"
  }
  assert {
    condition = length([for s in data.aws_iam_policy_document.worker.statement : s if contains(s.actions, "ecs:RunTask")]) == 1 && alltrue([
      for s in data.aws_iam_policy_document.worker.statement : one(s.condition).variable == "iam:PassedToService"
      && one(s.condition).values == tolist(["ecs-tasks.amazonaws.com"]) && !contains(s.resources, "*") if contains(s.actions, "iam:PassRole")
    ])
    error_message = "PassRole is not bound to tasks"
  }
  assert {
    condition = toset(flatten([for s in data.aws_iam_policy_document.worker.statement : s.actions if contains(s.resources, "*")])) == toset([
      "ecs:DescribeTaskDefinition",
    ])
    error_message = "more than what AWS lets nobody name is allowed everywhere"
  }
}

run "a_flow_run_reads_deliveries_and_writes_the_lake" {
  assert {
    condition = alltrue([for s in data.aws_iam_policy_document.task.statement :
      !anytrue([for r in s.resources : strcontains(r, "inbox")]) if contains(s.actions, "s3:PutObject")
    ])
    error_message = "a flow run may change deliveries"
  }
  assert {
    condition = [for s in data.aws_iam_policy_document.task.statement : toset(s.resources) if s.effect == "Deny"] == [toset([
      "arn:aws:s3:::warehouse-dev-111122223333-artifacts/bundle/*",
      "arn:aws:s3:::warehouse-dev-111122223333-artifacts/landing/*",
    ])]
    error_message = "a flow run may change the code of other roles"
  }
  assert {
    condition = contains(flatten([for s in data.aws_iam_policy_document.task.statement : s.resources if contains(s.actions, "redshift:GetClusterCredentialsWithIAM")]),
    "arn:aws:redshift:ap-south-1:111122223333:dbname:warehouse-dev/warehouse")
    error_message = "a flow run cannot log in to the warehouse"
  }
  assert {
    condition = toset(flatten([for s in data.aws_iam_policy_document.task.statement : s.actions if contains(s.resources, "*")])) == toset([
      "redshift:DescribeClusters",
    ])
    error_message = "more than what AWS lets nobody name is allowed everywhere"
  }
}

run "the_observer_hears_of_flow_runs_only" {
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.observer.event_pattern).detail.group == ["family:warehouse-dev-run"]
    error_message = "the rule takes other tasks too"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.observer.event_pattern).detail.clusterArn == [aws_ecs_cluster.this.arn]
    error_message = "the rule takes other clusters too"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue.observer.redrive_policy).deadLetterTargetArn == aws_sqs_queue.observer_dlq.arn
    error_message = "what cannot be read has nowhere to go"
  }
  assert {
    condition     = jsondecode(aws_sqs_queue_redrive_allow_policy.observer_dlq.redrive_allow_policy).redrivePermission == "byQueue"
    error_message = "any queue may use the dead-letter queue"
  }
  assert {
    condition     = aws_sqs_queue.observer.kms_master_key_id == var.kms_key_arn && aws_sqs_queue.observer_dlq.kms_master_key_id == var.kms_key_arn
    error_message = "a queue is not encrypted with our key"
  }
  assert {
    condition     = aws_cloudwatch_event_target.observer.dead_letter_config[0].arn == aws_sqs_queue.observer_dlq.arn
    error_message = "an event that cannot be delivered is lost"
  }
}

run "logs_end_and_are_encrypted" {
  assert {
    condition     = alltrue([for log in aws_cloudwatch_log_group.this : log.retention_in_days == 30 && log.kms_key_id == var.kms_key_arn])
    error_message = "a log group is kept for ever or not encrypted"
  }
}

run "latest_is_no_tag" {
  command = plan

  variables {
    image_tag = "latest"
  }

  expect_failures = [var.image_tag]
}

run "sizes_are_fargates" {
  command = plan

  variables {
    task_memory = 1024
  }

  expect_failures = [var.task_memory]
}

run "prod_keeps_its_images" {
  command = plan

  variables {
    environment   = "prod"
    force_destroy = true
  }

  expect_failures = [var.force_destroy]
}
