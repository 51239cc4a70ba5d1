mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name               = "warehouse-dev"
  environment        = "dev"
  monthly_budget_usd = 400
  alert_topic_arn    = "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-warning"
}

run "budget" {
  assert {
    condition     = aws_budgets_budget.month.limit_amount == "400.0" && aws_budgets_budget.month.limit_unit == "USD" && aws_budgets_budget.month.time_unit == "MONTHLY"
    error_message = "The budget is a month's, in dollars."
  }

  assert {
    condition     = anytrue([for filter in aws_budgets_budget.month.cost_filter : filter.name == "TagKeyValue" && filter.values == tolist(["user:Environment$dev"])])
    error_message = "It counts what bears the environment's tag."
  }

  assert {
    condition = toset([for told in aws_budgets_budget.month.notification : "${told.notification_type} ${told.threshold}"]) == toset([
      "ACTUAL 50", "ACTUAL 80", "ACTUAL 100", "FORECASTED 100",
    ])
    error_message = "Half, four fifths and all of it spent are told, and when the forecast reaches it."
  }

  assert {
    condition     = alltrue([for told in aws_budgets_budget.month.notification : told.subscriber_sns_topic_arns == toset([var.alert_topic_arn]) && told.threshold_type == "PERCENTAGE"])
    error_message = "The topic is told."
  }
}

run "anomalies" {
  variables {
    anomaly_usd = 35
  }

  assert {
    condition     = jsondecode(aws_ce_anomaly_monitor.this.monitor_specification).Tags.Values == ["dev"] && aws_ce_anomaly_monitor.this.monitor_type == "CUSTOM"
    error_message = "The monitor looks at the environment alone."
  }

  assert {
    condition = (
      one(aws_ce_anomaly_subscription.this.subscriber).address == var.alert_topic_arn &&
      aws_ce_anomaly_subscription.this.frequency == "IMMEDIATE" &&
      aws_ce_anomaly_subscription.this.threshold_expression[0].dimension[0].values == toset(["35"])
    )
    error_message = "Anomalies are told at once, above the threshold."
  }
}

run "tags" {
  variables {
    activate_tags = true
  }

  assert {
    condition     = toset(keys(aws_ce_cost_allocation_tag.this)) == toset(["Environment", "Project"]) && alltrue([for tag in aws_ce_cost_allocation_tag.this : tag.status == "Active"])
    error_message = "The tags of all resources can be used to tell costs apart."
  }
}

run "tags_are_left_alone" {
  assert {
    condition     = length(aws_ce_cost_allocation_tag.this) == 0
    error_message = "Only the paying account activates tags."
  }
}

run "no_budget_is_refused" {
  command = plan

  variables {
    monthly_budget_usd = 0
  }

  expect_failures = [var.monthly_budget_usd]
}

run "too_many_thresholds_are_refused" {
  command = plan

  variables {
    forecast_percents = [80, 90, 100]
  }

  expect_failures = [var.forecast_percents]
}
