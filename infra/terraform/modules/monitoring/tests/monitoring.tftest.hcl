mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name         = "warehouse-dev"
  environment  = "dev"
  kms_key_arn  = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  alert_emails = { critical = ["on-call@example.org", "lead@example.org"], warning = ["on-call@example.org"] }
  log_groups   = { run = "/ecs/warehouse-dev/run", worker = "/ecs/warehouse-dev/worker" }
  queues = {
    observer     = "warehouse-dev-observer"
    dead_letters = ["warehouse-dev-observer-dlq", "warehouse-dev-landing-dlq"]
  }
  event_rules         = ["warehouse-dev-task-state", "warehouse-dev-landing"]
  cluster_identifier  = "warehouse-dev"
  office_hours        = false
  state_machine_arn   = "arn:aws:states:ap-south-1:111122223333:stateMachine:warehouse-dev-landing"
  function_names      = { validate = "warehouse-dev-landing-validate", start = "warehouse-dev-landing-start" }
  glue_job_name       = "warehouse-dev-curate"
  ecs_cluster_name    = "warehouse-dev"
  worker_service_name = "warehouse-dev-worker"
}

run "an_alarm_ends_with_its_runbook_and_tells_its_topic" {
  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      endswith(alarm.alarm_description, "docs/operations.md#${key}")
    ])
    error_message = "an alarm does not end with its runbook"
  }
  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset([aws_sns_topic.this[local.alarms[key].severity].arn])
    ])
    error_message = "an alarm tells nobody, or somebody else"
  }
  assert {
    condition     = toset([for alarm in local.alarms : alarm.severity]) == toset(["critical", "warning"])
    error_message = "a severity is misspelt"
  }
  assert {
    # Nothing but the keys that alarms.tf reads: a misspelt one would be passed over.
    condition = length(setsubtract(
      flatten([for alarm in local.alarms : keys(alarm)]),
      ["severity", "recovers", "meaning", "metric", "metrics", "statistic", "period", "for", "above", "below", "missing"],
    )) == 0
    error_message = "an alarm has a key that nothing reads"
  }
  assert {
    condition     = alltrue([for alarm in local.alarms : can(alarm.above) != can(alarm.below)])
    error_message = "an alarm needs one of above and below"
  }
}

run "metrics_bear_the_environment" {
  assert {
    condition = alltrue([for key, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.dimensions["Environment"] == "dev" if alarm.namespace == "Warehouse"
    ])
    error_message = "an alarm looks at the metrics of another environment"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["run-failed"].metric_name == "RunFailures" && aws_cloudwatch_metric_alarm.this["run-failed"].threshold == 0
    error_message = "run-failed does not tell of the first failure"
  }
  assert {
    condition     = aws_cloudwatch_metric_alarm.this["data-late"].threshold == 25 * 3600
    error_message = "data-late has another threshold than freshness_hours"
  }
}

run "silence_is_told" {
  assert {
    condition = alltrue([for key in ["no-run", "worker-down", "redshift-health"] :
      aws_cloudwatch_metric_alarm.this[key].treat_missing_data == "breaching"
    ])
    error_message = "what says nothing any more is taken for well"
  }
  assert {
    condition = (
      aws_cloudwatch_metric_alarm.this["no-run"].evaluation_periods == 26
      && aws_cloudwatch_metric_alarm.this["no-run"].period == 3600
      && aws_cloudwatch_metric_alarm.this["no-run"].dimensions["Flow"] == "daily"
    )
    error_message = "no-run does not look for a daily run in 26 hours"
  }
}

run "a_cluster_that_sleeps_is_not_ill" {
  variables {
    office_hours = true
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["redshift-health"].treat_missing_data == "notBreaching"
    error_message = "each night would be an alarm"
  }
}

run "every_queue_function_and_rule_is_looked_at" {
  assert {
    condition = toset([for query in aws_cloudwatch_metric_alarm.this["dead-letters"].metric_query :
      query.metric[0].dimensions["QueueName"] if length(query.metric) > 0
    ]) == toset(var.queues.dead_letters)
    error_message = "dead-letters does not look at every queue"
  }
  assert {
    condition = toset([for query in aws_cloudwatch_metric_alarm.this["lambda-errors"].metric_query :
      query.metric[0].dimensions["FunctionName"] if length(query.metric) > 0
    ]) == toset(values(var.function_names))
    error_message = "lambda-errors does not look at every function"
  }
  assert {
    condition     = one([for query in aws_cloudwatch_metric_alarm.this["landing-failed"].metric_query : query.expression if query.return_data == true]) == "SUM(METRICS())"
    error_message = "landing-failed does not add up"
  }
}

run "an_alarm_of_one_queue_is_of_one_metric" {
  variables {
    queues = { observer = "warehouse-dev-observer", dead_letters = ["only-dlq"] }
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["dead-letters"].dimensions["QueueName"] == "only-dlq"
    error_message = "the only queue is not looked at"
  }
}

run "one_light_per_severity" {
  assert {
    condition = alltrue([for key, alarm in local.alarms :
      strcontains(aws_cloudwatch_composite_alarm.this[alarm.severity].alarm_rule, "ALARM(\"warehouse-dev-${key}\")")
    ])
    error_message = "an alarm is not part of its light"
  }
  assert {
    condition     = !strcontains(aws_cloudwatch_composite_alarm.this["warning"].alarm_rule, "run-failed")
    error_message = "a critical alarm is in the light of warnings"
  }
  assert {
    # CloudWatch takes 10,240 characters of a rule, and 100 alarms.
    condition     = alltrue([for alarm in aws_cloudwatch_composite_alarm.this : length(alarm.alarm_rule) < 10240])
    error_message = "a rule is too long"
  }
}

run "topics_are_encrypted_and_named_by_severity" {
  assert {
    condition     = { for key, topic in aws_sns_topic.this : key => topic.name } == { critical = "warehouse-dev-alerts-critical", warning = "warehouse-dev-alerts-warning" }
    error_message = "flow runs find their topics by these names"
  }
  assert {
    condition     = alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == var.kms_key_arn])
    error_message = "a topic is not encrypted with our key"
  }
  assert {
    condition = alltrue(flatten([for policy in data.aws_iam_policy_document.topic : [for statement in policy.statement :
      length(statement.condition) > 0 || alltrue([for principal in statement.principals :
        principal.type == "AWS" || toset(principal.identifiers) == toset(["backup.amazonaws.com"])
      ])
    ]]))
    error_message = "a service may publish for other accounts"
  }
  assert {
    condition     = keys(aws_sns_topic_subscription.email) == ["critical/lead@example.org", "critical/on-call@example.org", "warning/on-call@example.org"]
    error_message = "somebody is not written to"
  }
}

run "the_dashboard_is_json_with_named_widgets" {
  assert {
    condition = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.type == "text" || length(try(widget.properties.title, "")) > 0
    ])
    error_message = "a widget has no name"
  }
  assert {
    condition = length(distinct([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.properties.title if widget.type != "text"
      ])) == length([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget if widget.type != "text"]
    )
    error_message = "two widgets have one name"
  }
  assert {
    condition     = strcontains(aws_cloudwatch_dashboard.this.dashboard_body, "Environment=\\\"dev\\\"")
    error_message = "the dashboard shows another environment"
  }
  assert {
    condition     = length(one([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.properties.alarms if w.type == "alarm"])) == length(local.alarms)
    error_message = "an alarm is not on the dashboard"
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : w.x + w.width <= 24])
    error_message = "a widget is wider than the dashboard"
  }
}

run "failures_of_glue_are_counted_where_they_are_written" {
  assert {
    condition     = aws_cloudwatch_log_metric_filter.this["glue-failures"].log_group_name == "/aws/events/warehouse-dev-glue"
    error_message = "the filter reads another log"
  }
  assert {
    condition = alltrue([for key, filter in aws_cloudwatch_log_metric_filter.this :
      contains([for alarm in aws_cloudwatch_metric_alarm.this : alarm.metric_name if alarm.namespace == "Warehouse/Logs"], filter.metric_transformation[0].name)
    ])
    error_message = "a filter's metric has no alarm"
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_event_rule.glue.event_pattern).detail.jobName == ["warehouse-dev-curate"]
    error_message = "the rule takes other jobs"
  }
}

run "a_daily_run_may_be_missed_for_a_week_at_most" {
  command = plan

  variables {
    thresholds = { hours_without_a_run = 200 }
  }

  expect_failures = [var.thresholds]
}

run "an_address_is_an_address" {
  command = plan

  variables {
    alert_emails = { critical = ["on-call"] }
  }

  expect_failures = [var.alert_emails]
}
