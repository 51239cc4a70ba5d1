mock_provider "aws" {
  source = "../../testing/mocks"
}

variables {
  name        = "warehouse-dev"
  environment = "dev"
  kms_key_arn = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  buckets = { for layer in ["raw", "quarantine", "artifacts"] : layer => {
    id  = "warehouse-dev-111122223333-${layer}"
    arn = "arn:aws:s3:::warehouse-dev-111122223333-${layer}"
  } }
  package_path       = "./main.tf"
  prefect_api_url    = "https://api.prefect.cloud/api/accounts/a/workspaces/w"
  prefect_secret_arn = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:warehouse-dev-prefect-AbCdEf"
  alert_topic_arn    = "arn:aws:sns:ap-south-1:111122223333:warehouse-dev-alerts-warning"
  subnet_ids         = ["subnet-a", "subnet-b", "subnet-c"]
  security_group_id  = "sg-landing"
  log_retention_days = 30
}

run "only_new_objects_below_inbox_start_it" {
  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.created.event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail = {
        bucket = { name = ["warehouse-dev-111122223333-raw"] }
        object = { key = [{ prefix = "inbox/" }] }
      }
    }
    error_message = "the rule is ${aws_cloudwatch_event_rule.created.event_pattern}"
  }
  assert {
    condition     = aws_cloudwatch_event_target.state_machine.dead_letter_config[0].arn == aws_sqs_queue.dlq.arn
    error_message = "an event that cannot be delivered is lost"
  }
  assert {
    condition     = aws_cloudwatch_event_target.state_machine.retry_policy[0].maximum_event_age_in_seconds == 86400
    error_message = "an event is not tried for a day"
  }
}

run "every_task_has_a_limit_retries_with_jitter_and_a_way_out" {
  assert {
    condition = alltrue([
      for name, state in jsondecode(aws_sfn_state_machine.this.definition).States :
      state.TimeoutSeconds > 0 if state.Type == "Task"
    ])
    error_message = "a task without TimeoutSeconds"
  }
  assert {
    condition = alltrue(flatten([
      for name, state in jsondecode(aws_sfn_state_machine.this.definition).States : [
        for retry in state.Retry :
        retry.JitterStrategy == "FULL" && retry.BackoffRate > 1 && retry.MaxDelaySeconds > 0 && !contains(retry.ErrorEquals, "States.ALL")
      ] if state.Type == "Task"
    ]))
    error_message = "a retry without jitter, back-off or limit, or of everything"
  }
  assert {
    condition = alltrue([
      for name, state in jsondecode(aws_sfn_state_machine.this.definition).States :
      state.Catch[0].Next == "KeepForLater" if state.Type == "Task" && name != "KeepForLater"
    ])
    error_message = "a task whose failure is not kept"
  }
  assert {
    condition = jsondecode(aws_sfn_state_machine.this.definition).States.Check.TimeoutSeconds > (
      aws_lambda_function.this["check"].timeout
    )
    error_message = "the state machine gives up before the function does"
  }
}

run "functions_come_from_the_package_and_are_watched" {
  assert {
    condition = alltrue([
      for key, function in aws_lambda_function.this :
      function.handler == "tasks.landing_functions.${key}.handler" && function.runtime == "python3.13"
    ])
    error_message = "a handler or runtime that the package does not have"
  }
  assert {
    condition     = aws_s3_object.package.key == "landing/${filesha256("./main.tf")}.zip"
    error_message = "the package is not named by its content"
  }
  assert {
    condition     = alltrue([for function in aws_lambda_function.this : function.tracing_config[0].mode == "Active"])
    error_message = "a function without traces"
  }
  assert {
    condition     = aws_lambda_function.this["check"].ephemeral_storage[0].size == 10240
    error_message = "no room to unpack a file"
  }
  assert {
    condition     = aws_lambda_function.this["start"].environment[0].variables["PREFECT_SECRET"] == var.prefect_secret_arn
    error_message = "the API key is not read from the secret"
  }
}

run "the_state_machine_may_call_these_functions_and_no_others" {
  assert {
    condition = toset(data.aws_iam_policy_document.state_machine.statement[0].resources) == toset([
      for function in aws_lambda_function.this :
      "arn:aws:lambda:ap-south-1:111122223333:function:${function.function_name}"
    ])
    error_message = "the names in the policy are not those of the functions"
  }
}

run "logs_are_encrypted_kept_for_a_time_and_hold_no_data" {
  assert {
    condition = alltrue([
      for group in concat(values(aws_cloudwatch_log_group.function), [aws_cloudwatch_log_group.states]) :
      group.kms_key_id == var.kms_key_arn && group.retention_in_days == 30
    ])
    error_message = "a log group without key or retention"
  }
  assert {
    condition     = !aws_sfn_state_machine.this.logging_configuration[0].include_execution_data
    error_message = "executions would be logged with their data"
  }
  assert {
    condition     = aws_sfn_state_machine.this.logging_configuration[0].level == "ALL" && aws_sfn_state_machine.this.tracing_configuration[0].enabled
    error_message = "executions are not logged or not traced"
  }
}

run "what_fails_is_kept_two_weeks_encrypted" {
  assert {
    condition     = aws_sqs_queue.dlq.message_retention_seconds == 1209600 && aws_sqs_queue.dlq.kms_master_key_id == var.kms_key_arn
    error_message = "the dead letter queue forgets or is not encrypted"
  }
}

run "outputs_name_what_others_watch" {
  assert {
    condition = output.function_names == {
      check  = "warehouse-dev-landing-check"
      start  = "warehouse-dev-landing-start"
      reject = "warehouse-dev-landing-reject"
    }
    error_message = "function_names"
  }
  assert {
    condition     = toset(keys(output.log_group_names)) == toset(["check", "start", "reject", "states"])
    error_message = "log_group_names"
  }
  assert {
    condition     = output.dlq_name == "warehouse-dev-landing-dlq" && output.rule_name == "warehouse-dev-landing"
    error_message = "dlq_name, rule_name"
  }
}

run "a_package_that_is_not_there_is_told" {
  command         = plan
  expect_failures = [var.package_path]

  variables {
    package_path = "./build/landing.zip"
  }
}

run "a_file_too_large_for_the_disk_is_refused" {
  command         = plan
  expect_failures = [var.most_bytes]

  variables {
    most_bytes = 10737418240
  }
}

run "a_url_that_is_no_api_is_refused" {
  command         = plan
  expect_failures = [var.prefect_api_url]

  variables {
    prefect_api_url = "https://app.prefect.cloud/account/a"
  }
}
