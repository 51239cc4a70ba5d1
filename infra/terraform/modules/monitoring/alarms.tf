# Alarms are data (alarms.yaml): this makes a resource of each, and one light per severity.

locals {
  alarms = yamldecode(templatefile("${path.module}/alarms.yaml", merge(var.thresholds, {
    name         = var.name
    environment  = var.environment
    office_hours = var.office_hours
  })))

  # What @x stands for.
  names = {
    "@cluster_identifier" = [var.cluster_identifier]
    "@state_machine_arn"  = [var.state_machine_arn]
    "@functions"          = values(var.function_names)
    "@dead_letters"       = var.queues.dead_letters
    "@observer"           = [var.queues.observer]
    "@event_rules"        = var.event_rules
    "@ecs_cluster"        = [var.ecs_cluster_name]
    "@worker_service"     = [var.worker_service_name]
  }

  # Metrics of each alarm, as a list.
  alarm_metrics = { for key, alarm in local.alarms : key => flatten([
    for metric in try(alarm.metrics, [alarm.metric]) : [
      for i in range(max(1, [for value in values(try(metric.dimensions, {})) : length(lookup(local.names, value, [value]))]...)) : {
        namespace  = metric.namespace
        name       = metric.name
        dimensions = { for key, value in try(metric.dimensions, {}) : key => element(lookup(local.names, value, [value]), i) }
      }
    ]
  ]) }

  runbook = "docs/operations.md"
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "${each.value.meaning}. What to do: ${local.runbook}#${each.key}"

  comparison_operator = can(each.value.above) ? "GreaterThanThreshold" : "LessThanThreshold"
  threshold           = try(each.value.above, each.value.below)
  evaluation_periods  = try(each.value.for, 1)
  datapoints_to_alarm = try(each.value.for, 1)
  treat_missing_data  = try(each.value.missing, "good") == "bad" ? "breaching" : "notBreaching"

  namespace   = length(local.alarm_metrics[each.key]) == 1 ? local.alarm_metrics[each.key][0].namespace : null
  metric_name = length(local.alarm_metrics[each.key]) == 1 ? local.alarm_metrics[each.key][0].name : null
  dimensions  = length(local.alarm_metrics[each.key]) == 1 ? local.alarm_metrics[each.key][0].dimensions : null
  statistic   = length(local.alarm_metrics[each.key]) == 1 ? each.value.statistic : null
  period      = length(local.alarm_metrics[each.key]) == 1 ? each.value.period : null

  dynamic "metric_query" {
    for_each = length(local.alarm_metrics[each.key]) == 1 ? [] : [0]

    content {
      id          = "total"
      label       = each.key
      expression  = "SUM(METRICS())"
      return_data = true
    }
  }

  dynamic "metric_query" {
    for_each = length(local.alarm_metrics[each.key]) == 1 ? {} : { for i, metric in local.alarm_metrics[each.key] : "m${i}" => metric }

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        stat        = each.value.statistic
        period      = each.value.period
      }
    }
  }

  # What tells of an event is silent afterwards, which does not mean that all is well again.
  alarm_actions = [aws_sns_topic.this[each.value.severity].arn]
  ok_actions    = try(each.value.recovers, false) ? [aws_sns_topic.this[each.value.severity].arn] : []
}

# One light per severity: for the dashboard, and for a deployment that asks whether all is well. It tells nobody: each
# alarm does so itself, and one light that is on already would hide the second.
resource "aws_cloudwatch_composite_alarm" "this" {
  for_each = toset(["critical", "warning"])

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = "Any alarm of severity ${each.key} is on. What to do: ${local.runbook}#${each.key}"

  alarm_rule = join(" OR ", [
    for key, alarm in local.alarms : "ALARM(\"${aws_cloudwatch_metric_alarm.this[key].alarm_name}\")" if alarm.severity == each.key
  ])
}
