output "vault_name" {
  description = "Vault of the backups."
  value       = aws_backup_vault.this.name
}

output "plan_id" {
  description = "Plan of the lake's backups."
  value       = aws_backup_plan.this["lake"].id
}

output "plan_ids" {
  description = "lake and warehouse to their plans."
  value       = { for what, plan in aws_backup_plan.this : what => plan.id }
}

output "role_arn" {
  description = "Role that backs up."
  value       = aws_iam_role.backup.arn
}
