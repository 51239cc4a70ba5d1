output "topic_arns" {
  description = "SNS topics by severity: critical and warning."
  value       = { for severity, topic in aws_sns_topic.this : severity => topic.arn }

  # Whoever publishes may do so.
  depends_on = [aws_sns_topic_policy.this]
}

output "dashboard_name" {
  description = "Name of the CloudWatch dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "alarm_names" {
  description = "Names of all alarms, by key; critical and warning are the lights of all alarms of that severity."
  value = merge(
    { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.alarm_name },
    { for key, alarm in aws_cloudwatch_composite_alarm.this : key => alarm.alarm_name },
  )
}
