output "job_name" {
  description = "The job of lake transforms (DW_GLUE_JOB)."
  value       = aws_glue_job.lake.name
}

output "job_arn" {
  description = "ARN of the job."
  value       = aws_glue_job.lake.arn
}

output "role_arn" {
  description = "Role of the job."
  value       = aws_iam_role.job.arn
}

output "catalog_database" {
  description = "Database of the catalog; its tables are <layer>_<table>."
  value       = aws_glue_catalog_database.this.name
}

output "crawler_names" {
  description = "Crawlers of the raw layer."
  value       = [aws_glue_crawler.raw.name]
}

output "log_group_names" {
  description = "error and output to the job's log groups."
  value       = { for kind, group in aws_cloudwatch_log_group.job : kind => group.name }
}
