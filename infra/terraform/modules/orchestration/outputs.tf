output "repository_url" {
  description = "Where images are pushed to."
  value       = aws_ecr_repository.this.repository_url
}

output "repository_arn" {
  description = "ARN of the image repository."
  value       = aws_ecr_repository.this.arn
}

output "image" {
  description = "Image of worker and flow runs, with its tag."
  value       = local.image
}

output "ecs_cluster_arn" {
  description = "ARN of the ECS cluster."
  value       = aws_ecs_cluster.this.arn
}

output "ecs_cluster_name" {
  description = "Name of the ECS cluster."
  value       = aws_ecs_cluster.this.name
}

output "task_role_arn" {
  description = "Role of a flow run: the pipeline's rights."
  value       = aws_iam_role.task.arn
}

output "task_role_name" {
  description = "Name of the role of a flow run: the database user is IAMR:<this>."
  value       = aws_iam_role.task.name
}

output "execution_role_arn" {
  description = "Role that starts containers."
  value       = aws_iam_role.execution.arn
}

output "worker_role_arn" {
  description = "Role of the Prefect worker."
  value       = aws_iam_role.worker.arn
}

output "worker_service_name" {
  description = "ECS service of the Prefect worker."
  value       = aws_ecs_service.worker.name
}

output "log_group_name" {
  description = "Log group of flow runs."
  value       = aws_cloudwatch_log_group.this["run"].name
}

output "worker_log_group_name" {
  description = "Log group of the worker."
  value       = aws_cloudwatch_log_group.this["worker"].name
}

output "observer_queue_arn" {
  description = "Queue of task state changes: ARN."
  value       = aws_sqs_queue.observer.arn
}

output "observer_queue_name" {
  description = "Queue of task state changes: name."
  value       = aws_sqs_queue.observer.name
}

output "observer_queue_url" {
  description = "Queue of task state changes: URL."
  value       = aws_sqs_queue.observer.url
}

output "observer_dlq_arn" {
  description = "Dead-letter queue of the observer: ARN."
  value       = aws_sqs_queue.observer_dlq.arn
}

output "observer_dlq_name" {
  description = "Dead-letter queue of the observer: name."
  value       = aws_sqs_queue.observer_dlq.name
}

output "observer_rule_name" {
  description = "EventBridge rule of task state changes."
  value       = aws_cloudwatch_event_rule.observer.name
}

output "prefect_secret_arn" {
  description = "Secret of Prefect's API key; its value is set by hand."
  value       = aws_secretsmanager_secret.prefect.arn
}

output "environment_variables" {
  description = "What a flow run is told."
  value       = local.run_environment
}

output "work_pool" {
  description = "What the base job template of the work pool is filled with."
  value = {
    region                = local.region
    cluster_arn           = aws_ecs_cluster.this.arn
    family                = local.family
    image                 = local.image
    task_role_arn         = aws_iam_role.task.arn
    execution_role_arn    = aws_iam_role.execution.arn
    prefect_secret_arn    = aws_secretsmanager_secret.prefect.arn
    log_group_name        = aws_cloudwatch_log_group.this["run"].name
    log_stream_prefix     = "run"
    subnet_ids            = var.private_subnet_ids
    security_group_ids    = [var.worker_security_group_id]
    cpu                   = var.task_cpu
    memory                = var.task_memory
    ephemeral_storage_gib = var.ephemeral_storage_gib
    environment           = local.run_environment
    schedules             = var.schedules
  }
}
