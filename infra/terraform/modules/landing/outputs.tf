output "state_machine_arn" {
  description = "The state machine that each delivered file goes through."
  value       = aws_sfn_state_machine.this.arn
}

output "function_names" {
  description = "Names of the functions: check, start, reject."
  value       = { for key, function in aws_lambda_function.this : key => function.function_name }
}

output "role_arns" {
  description = "Roles of the functions (check, start, reject), of the state machine and of the rule."
  value = merge(
    { for key, role in aws_iam_role.function : key => role.arn },
    { state_machine = aws_iam_role.state_machine.arn, rule = aws_iam_role.rule.arn },
  )
}

output "dlq_arn" {
  description = "Queue of events that could not be dealt with."
  value       = aws_sqs_queue.dlq.arn
}

output "dlq_name" {
  description = "Its name."
  value       = aws_sqs_queue.dlq.name
}

output "rule_name" {
  description = "EventBridge rule of new objects below inbox/."
  value       = aws_cloudwatch_event_rule.created.name
}

output "log_group_names" {
  description = "Log groups of the functions (check, start, reject) and of the state machine (states)."
  value = merge(
    { for key, group in aws_cloudwatch_log_group.function : key => group.name },
    { states = aws_cloudwatch_log_group.states.name },
  )
}
