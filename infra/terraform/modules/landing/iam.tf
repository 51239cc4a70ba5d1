locals {
  # Written out, not read from the functions: else a new package would show as a change of policies too.
  function_arns = {
    for key in keys(local.functions) :
    key => "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${var.name}-landing-${key}"
  }

  ec2 = "arn:${local.partition}:ec2:${local.region}:${local.account}"

  # What each function is there for; what all of them need is added below.
  work = {
    check  = data.aws_iam_policy_document.check.json
    start  = data.aws_iam_policy_document.start.json
    reject = data.aws_iam_policy_document.reject.json
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = { lambda = "lambda.amazonaws.com", states = "states.amazonaws.com", events = "events.amazonaws.com" }

  statement {
    sid     = "Service"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }

    # Of these three Step Functions is the one whose documentation says that it names its account.
    dynamic "condition" {
      for_each = each.key == "states" ? [local.account] : []

      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-landing-${each.key}"
  description        = "Function ${var.name}-landing-${each.key}."
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "landing-${each.key}"
  role   = aws_iam_role.function[each.key].id
  policy = data.aws_iam_policy_document.function[each.key].json
}

data "aws_iam_policy_document" "function" {
  #checkov:skip=CKV_AWS_111:What is left without a constraint are traces, for which AWS knows no resource.
  #checkov:skip=CKV_AWS_356:Describing network interfaces and sending traces are actions for which AWS knows no resource.
  for_each = local.functions

  source_policy_documents = [local.work[each.key]]

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # AWS knows no resource for these two.
  statement {
    sid       = "Traces"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }

  # Lambda makes the interfaces with this role. AWS knows no resource for describing.
  statement {
    sid       = "SeeInterfaces"
    actions   = ["ec2:DescribeNetworkInterfaces"]
    resources = ["*"]
  }

  statement {
    sid = "MakeInterfaces"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:UnassignPrivateIpAddresses",
    ]
    # Deleting needs all of the account's (AWS, "Giving Lambda functions access to resources in an Amazon VPC").
    resources = concat(
      ["${local.ec2}:network-interface/*", "${local.ec2}:security-group/${var.security_group_id}"],
      [for subnet in var.subnet_ids : "${local.ec2}:subnet/${subnet}"],
    )
  }

  # The rights on interfaces are Lambda's, not those of the code that runs in it: AWS puts this key on each of its requests.
  statement {
    sid    = "NoInterfacesForTheCode"
    effect = "Deny"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arns[each.key]]
    }
  }
}

# Without ListBucket S3 says "access denied" of what is not there.
data "aws_iam_policy_document" "check" {
  statement {
    sid       = "Delivered"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.buckets["raw"].arn}/${local.inbox}*"]
  }

  statement {
    sid       = "WhetherDelivered"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets["raw"].arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${local.inbox}*"]
    }
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

data "aws_iam_policy_document" "start" {
  statement {
    sid       = "PrefectKey"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.prefect_secret_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

data "aws_iam_policy_document" "reject" {
  statement {
    sid       = "Rejected"
    actions   = ["s3:GetObjectVersion"]
    resources = ["${var.buckets["raw"].arn}/${local.inbox}*"]
  }

  statement {
    sid       = "Keep"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = ["${var.buckets["quarantine"].arn}/${local.rejected}*"]
  }

  statement {
    sid       = "WhetherKept"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets["quarantine"].arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["${local.rejected}*"]
    }
  }

  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = [var.alert_topic_arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role" "state_machine" {
  name               = "${var.name}-landing-states"
  description        = "State machine ${var.name}-landing."
  assume_role_policy = data.aws_iam_policy_document.trust["states"].json
}

resource "aws_iam_role_policy" "state_machine" {
  name   = "landing-states"
  role   = aws_iam_role.state_machine.id
  policy = data.aws_iam_policy_document.state_machine.json
}

data "aws_iam_policy_document" "state_machine" {
  #checkov:skip=CKV_AWS_111:Delivery of logs and traces are actions for which AWS knows no resource.
  #checkov:skip=CKV_AWS_356:Delivery of logs and traces are actions for which AWS knows no resource.
  statement {
    sid       = "Functions"
    actions   = ["lambda:InvokeFunction"]
    resources = values(local.function_arns)
  }

  statement {
    sid       = "KeepForLater"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dlq.arn]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }

  # AWS knows no resource for the delivery of logs (Step Functions, "Logging in CloudWatch Logs"), nor for traces.
  statement {
    sid = "DeliverLogs"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  statement {
    sid = "Traces"
    actions = [
      "xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "rule" {
  name               = "${var.name}-landing-events"
  description        = "Rule ${var.name}-landing."
  assume_role_policy = data.aws_iam_policy_document.trust["events"].json
}

resource "aws_iam_role_policy" "rule" {
  name   = "landing-events"
  role   = aws_iam_role.rule.id
  policy = data.aws_iam_policy_document.rule.json
}

data "aws_iam_policy_document" "rule" {
  statement {
    sid       = "StartExecution"
    actions   = ["states:StartExecution"]
    resources = [aws_sfn_state_machine.this.arn]
  }
}
