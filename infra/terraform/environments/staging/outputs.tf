output "work_pool" {
  description = "What the base job template of the work pool is filled with (dw deploy --pool)."
  value       = module.platform.work_pool
}

output "buckets" {
  description = "Names of the buckets, by layer."
  value       = module.platform.buckets
}

output "replica_buckets" {
  description = "Names of the buckets' copies in the other region, by layer; empty without replication."
  value       = module.platform.replica_buckets
}

output "artifacts_bucket" {
  description = "Bucket of the Glue bundle (bundle/) and of the landing's package."
  value       = module.platform.artifacts_bucket
}

output "repository_url" {
  description = "Where images are pushed to."
  value       = module.platform.repository_url
}

output "repository_arn" {
  description = "ARN of the image repository."
  value       = module.platform.repository_arn
}

output "image" {
  description = "Image of worker and flow runs, with its tag."
  value       = module.platform.image
}

output "prefect_api_url" {
  description = "API of Prefect."
  value       = module.platform.prefect_api_url
}

output "prefect_secret_arn" {
  description = "Secret of Prefect's API key; its value is set by hand."
  value       = module.platform.prefect_secret_arn
}

output "cluster_identifier" {
  description = "Name of the Redshift cluster."
  value       = module.platform.cluster_identifier
}

output "database" {
  description = "Database of the warehouse."
  value       = module.platform.database
}

output "database_user" {
  description = "The database user of flow runs: it creates schemas and owns the tables."
  value       = module.platform.database_user
}

output "admin_secret_arn" {
  description = "Secret of the cluster's administrator, kept by Redshift."
  value       = module.platform.admin_secret_arn
}

output "ecs_cluster_arn" {
  description = "ARN of the ECS cluster."
  value       = module.platform.ecs_cluster_arn
}

output "worker_service_name" {
  description = "ECS service of the Prefect worker."
  value       = module.platform.worker_service_name
}

output "glue_job_name" {
  description = "Name of the Glue job."
  value       = module.platform.glue_job_name
}

output "state_machine_arn" {
  description = "State machine of the landing."
  value       = module.platform.state_machine_arn
}

output "topic_arns" {
  description = "SNS topics by severity."
  value       = module.platform.topic_arns
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = module.platform.dashboard_name
}

output "alarm_names" {
  description = "Names of all alarms, by key; critical and warning are the lights of all alarms of that severity."
  value       = module.platform.alarm_names
}

output "backup_vault_name" {
  description = "Vault of the backups."
  value       = module.platform.backup_vault_name
}

output "role_arns" {
  description = "Roles of GitHub's workflows: plan, deploy, image."
  value       = module.platform.role_arns
}
