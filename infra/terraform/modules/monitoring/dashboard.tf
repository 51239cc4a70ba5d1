# One dashboard per environment: dashboard.json.tftpl, a widget a line.

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = templatefile("${path.module}/dashboard.json.tftpl", merge(var.thresholds, {
    name               = var.name
    environment        = var.environment
    region             = data.aws_region.current.name
    cluster_identifier = var.cluster_identifier
    state_machine_arn  = var.state_machine_arn
    observer           = var.queues.observer
    ecs_cluster        = var.ecs_cluster_name
    worker_service     = var.worker_service_name
    run_log_group      = var.log_groups.run
    alarm_arns         = [for key in sort(keys(local.alarms)) : aws_cloudwatch_metric_alarm.this[key].arn]

    function_errors = [for pair in setproduct(["Errors", "Throttles"], values(var.function_names)) :
      ["AWS/Lambda", pair[0], "FunctionName", pair[1]]
    ]
    function_durations = [for function in values(var.function_names) : ["AWS/Lambda", "Duration", "FunctionName", function]]
    dead_letter_counts = [for queue in var.queues.dead_letters : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]]
    undelivered        = [for rule in var.event_rules : ["AWS/Events", "FailedInvocations", "RuleName", rule]]
  }))
}
