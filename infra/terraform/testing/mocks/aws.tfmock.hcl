# What the mocked provider answers where its random text would not be a valid ARN, account, zone or policy.
mock_data "aws_caller_identity" {
  defaults = {
    account_id = "111122223333"
    arn        = "arn:aws:iam::111122223333:user/test"
    user_id    = "AIDAEXAMPLE"
  }
}

mock_data "aws_partition" {
  defaults = {
    partition  = "aws"
    dns_suffix = "amazonaws.com"
  }
}

mock_data "aws_region" {
  defaults = {
    name = "ap-south-1"
    id   = "ap-south-1"
  }
}

mock_data "aws_iam_policy_document" {
  defaults = {
    json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}"
  }
}

mock_data "aws_prefix_list" {
  defaults = {
    id = "pl-0123456789abcdef0"
  }
}

mock_resource "aws_kms_key" {
  defaults = {
    arn = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::111122223333:role/mocked"
  }
}

mock_resource "aws_iam_policy" {
  defaults = {
    arn = "arn:aws:iam::111122223333:policy/mocked"
  }
}

mock_resource "aws_iam_openid_connect_provider" {
  defaults = {
    arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }
}

mock_data "aws_iam_openid_connect_provider" {
  defaults = {
    arn = "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
  }
}

mock_resource "aws_s3_bucket" {
  defaults = {
    arn = "arn:aws:s3:::mocked"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:ap-south-1:111122223333:log-group:mocked"
  }
}

mock_resource "aws_sns_topic" {
  defaults = {
    arn = "arn:aws:sns:ap-south-1:111122223333:mocked"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    arn = "arn:aws:sqs:ap-south-1:111122223333:mocked"
    url = "https://sqs.ap-south-1.amazonaws.com/111122223333/mocked"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn           = "arn:aws:lambda:ap-south-1:111122223333:function:mocked"
    qualified_arn = "arn:aws:lambda:ap-south-1:111122223333:function:mocked:1"
  }
}

mock_resource "aws_sfn_state_machine" {
  defaults = {
    arn = "arn:aws:states:ap-south-1:111122223333:stateMachine:mocked"
  }
}

mock_resource "aws_secretsmanager_secret" {
  defaults = {
    arn = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:mocked-AbCdEf"
  }
}

mock_resource "aws_ecs_cluster" {
  defaults = {
    arn = "arn:aws:ecs:ap-south-1:111122223333:cluster/mocked"
  }
}

mock_resource "aws_ecs_task_definition" {
  defaults = {
    arn = "arn:aws:ecs:ap-south-1:111122223333:task-definition/mocked:1"
  }
}

mock_resource "aws_ecr_repository" {
  defaults = {
    arn            = "arn:aws:ecr:ap-south-1:111122223333:repository/mocked"
    repository_url = "111122223333.dkr.ecr.ap-south-1.amazonaws.com/mocked"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = {
    arn = "arn:aws:events:ap-south-1:111122223333:rule/mocked"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:ap-south-1:111122223333:alarm:mocked"
  }
}

mock_resource "aws_redshift_cluster" {
  defaults = {
    arn                        = "arn:aws:redshift:ap-south-1:111122223333:cluster:mocked"
    dns_name                   = "mocked.example.ap-south-1.redshift.amazonaws.com"
    master_password_secret_arn = "arn:aws:secretsmanager:ap-south-1:111122223333:secret:redshift!mocked-AbCdEf"
  }
}

mock_resource "aws_glue_job" {
  defaults = {
    arn = "arn:aws:glue:ap-south-1:111122223333:job/mocked"
  }
}

mock_resource "aws_backup_vault" {
  defaults = {
    arn = "arn:aws:backup:ap-south-1:111122223333:backup-vault:mocked"
  }
}

mock_resource "aws_ce_anomaly_monitor" {
  defaults = {
    arn = "arn:aws:ce::111122223333:anomalymonitor/00000000-0000-0000-0000-000000000000"
  }
}

mock_resource "aws_vpc" {
  defaults = {
    id = "vpc-0123456789abcdef0"
  }
}

mock_resource "aws_subnet" {
  defaults = {
    id = "subnet-0123456789abcdef0"
  }
}

mock_resource "aws_security_group" {
  defaults = {
    id = "sg-0123456789abcdef0"
  }
}
