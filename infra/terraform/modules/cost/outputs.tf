output "budget_name" {
  description = "The month's budget."
  value       = aws_budgets_budget.month.name
}

output "anomaly_monitor_arn" {
  description = "Monitor of what is out of the usual."
  value       = aws_ce_anomaly_monitor.this.arn
}
