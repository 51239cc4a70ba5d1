output "role_arns" {
  description = "plan, deploy, image to the roles that GitHub's jobs take."
  value       = { for purpose, role in aws_iam_role.this : purpose => role.arn }
}

output "oidc_provider_arn" {
  description = "GitHub, as the account knows it."
  value       = local.provider
}
