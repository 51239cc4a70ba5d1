locals {
  tags = toset(["Environment", "Project"])
}

# Costs can be told apart by tag only when the tag is activated.
resource "aws_ce_cost_allocation_tag" "this" {
  for_each = var.activate_tags ? local.tags : toset([])

  tag_key = each.key
  status  = "Active"
}

resource "aws_budgets_budget" "month" {
  name         = "${var.name}-month"
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.1f", var.monthly_budget_usd)
  limit_unit   = "USD"

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.environment)]
  }

  dynamic "notification" {
    for_each = concat(
      [for percent in sort([for each in var.actual_percents : format("%04d", each)]) : { type = "ACTUAL", percent = tonumber(percent) }],
      [for percent in sort([for each in var.forecast_percents : format("%04d", each)]) : { type = "FORECASTED", percent = tonumber(percent) }],
    )

    content {
      notification_type          = notification.value.type
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value.percent
      threshold_type             = "PERCENTAGE"
      subscriber_sns_topic_arns  = [var.alert_topic_arn]
      subscriber_email_addresses = var.alert_emails
    }
  }
}

# What is out of the usual, long before a budget is spent: a Glue run that never ends, a NAT gateway that copies a lake.
resource "aws_ce_anomaly_monitor" "this" {
  name         = var.name
  monitor_type = "CUSTOM"

  monitor_specification = jsonencode({
    And            = null
    CostCategories = null
    Dimensions     = null
    Not            = null
    Or             = null
    Tags = {
      Key          = "Environment"
      MatchOptions = null
      Values       = [var.environment]
    }
  })
}

resource "aws_ce_anomaly_subscription" "this" {
  name             = var.name
  frequency        = "IMMEDIATE"
  monitor_arn_list = [aws_ce_anomaly_monitor.this.arn]

  subscriber {
    type    = "SNS"
    address = var.alert_topic_arn
  }

  threshold_expression {
    dimension {
      key           = "ANOMALY_TOTAL_IMPACT_ABSOLUTE"
      match_options = ["GREATER_THAN_OR_EQUAL"]
      values        = [tostring(var.anomaly_usd)]
    }
  }
}
