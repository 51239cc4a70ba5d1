output "cluster_identifier" {
  description = "The cluster (DW_REDSHIFT_CLUSTER)."
  value       = aws_redshift_cluster.this.cluster_identifier
}

output "cluster_arn" {
  description = "ARN of the cluster, of the form that policies and AWS Backup name it by."
  value       = local.cluster_arn
}

output "host" {
  description = "Name that the cluster answers under."
  value       = aws_redshift_cluster.this.dns_name
}

output "port" {
  description = "Port of the cluster."
  value       = aws_redshift_cluster.this.port
}

output "database" {
  description = "The database (DW_REDSHIFT_DATABASE)."
  value       = aws_redshift_cluster.this.database_name
}

output "admin_secret_arn" {
  description = "Secret of the administrator, rotated by Redshift."
  value       = aws_redshift_cluster.this.master_password_secret_arn
}

output "copy_role_arn" {
  description = "Role of COPY and UNLOAD (DW_REDSHIFT_ROLE)."
  value       = aws_iam_role.copy.arn
}

output "audit_log_group_names" {
  description = "connectionlog, useractivitylog, userlog to their log groups."
  value       = { for kind, group in aws_cloudwatch_log_group.audit : kind => group.name }
}
