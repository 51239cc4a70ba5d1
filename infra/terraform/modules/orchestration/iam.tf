# Three roles: the pipeline's own (docs/aws.md, "Rights"), the one that starts containers, the worker's.

data "aws_iam_policy_document" "tasks_assume" {
  statement {
    sid     = "TasksOfThisAccount"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["${local.arn["ecs"]}:*"]
    }
  }
}

# The pipeline: a flow run.

resource "aws_iam_role" "task" {
  name               = "${var.name}-task"
  description        = "The pipeline: what a flow run may do"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

data "aws_iam_policy_document" "task" {
  statement {
    # Without it S3 says "access denied" of what is not there.
    sid       = "ListTheLake"
    actions   = ["s3:ListBucket"]
    resources = [for layer in ["raw", "clean", "curated", "quarantine", "artifacts", "site"] : var.buckets[layer].arn]
  }

  statement {
    sid       = "ReadDeliveries"
    actions   = ["s3:GetObject"]
    resources = ["${var.buckets["raw"].arn}/inbox/*"]
  }

  statement {
    # A source of its own has its lake below its name. The inbox is not among them: deliveries are read, never changed.
    sid     = "ReadAndWriteTheLake"
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = concat(
      ["${var.buckets["raw"].arn}/raw/*", "${var.buckets["raw"].arn}/*/raw/*"],
      [for layer in ["clean", "curated", "quarantine", "artifacts"] : "${var.buckets[layer].arn}/*"],
      ["${var.buckets["site"].arn}/*"],
    )
  }

  statement {
    sid       = "KeyOfTheLake"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [var.kms_key_arn]
  }

  statement {
    # AWS lets no cluster be named here.
    sid       = "FindTheCluster"
    actions   = ["redshift:DescribeClusters"]
    resources = ["*"]
  }

  statement {
    sid       = "LogInAsItself"
    actions   = ["redshift:GetClusterCredentialsWithIAM"]
    resources = ["${local.arn["redshift"]}:dbname:${var.cluster_identifier}/${var.database}"]
  }

  statement {
    sid       = "RunLakeTransforms"
    actions   = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]
    resources = [var.glue_job_arn]
  }

  statement {
    sid       = "TellAlerts"
    actions   = ["sns:Publish"]
    resources = values(var.alert_topic_arns)
  }

  statement {
    # What other roles run lies in the same bucket as what runs write: no run changes it.
    sid       = "CodeIsNotTheirs"
    effect    = "Deny"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = [for code in ["bundle", "landing"] : "${var.buckets["artifacts"].arn}/${code}/*"]
  }
}

resource "aws_iam_role_policy" "task" {
  name   = "pipeline"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

# ECS itself: pulls the image, reads the secret, opens the log.

resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  description        = "ECS: starts containers of this environment"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

data "aws_iam_policy_document" "execution" {
  statement {
    # The token is the account's: AWS lets no repository be named.
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
    resources = [aws_ecr_repository.this.arn]
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for log in ["run", "worker"] : "${aws_cloudwatch_log_group.this[log].arn}:log-stream:*"]
  }

  statement {
    sid       = "ReadThePrefectKey"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.prefect.arn]
  }

  statement {
    sid       = "DecryptThePrefectKey"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-containers"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# The worker: starts flow runs and reads of their end.

resource "aws_iam_role" "worker" {
  name               = "${var.name}-worker"
  description        = "The Prefect worker: starts flow runs as tasks"
  assume_role_policy = data.aws_iam_policy_document.tasks_assume.json
}

data "aws_iam_policy_document" "worker" {
  statement {
    # The roles that a definition may name are those of PassTheRoles.
    sid       = "DefineRuns"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = ["${local.arn["ecs"]}:task-definition/${local.family}:*"]
  }

  statement {
    # AWS lets no definition be named here.
    sid       = "ReadDefinitions"
    actions   = ["ecs:DescribeTaskDefinition"]
    resources = ["*"]
  }

  statement {
    sid       = "StartRuns"
    actions   = ["ecs:RunTask"]
    resources = ["${local.arn["ecs"]}:task-definition/${local.family}:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }

  statement {
    sid       = "WatchAndStopRuns"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = ["${local.arn["ecs"]}:task/${aws_ecs_cluster.this.name}/*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }

  statement {
    sid     = "TagRuns"
    actions = ["ecs:TagResource"]
    resources = [
      "${local.arn["ecs"]}:task/${aws_ecs_cluster.this.name}/*",
      "${local.arn["ecs"]}:task-definition/${local.family}:*",
    ]

    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask", "RegisterTaskDefinition"]
    }
  }

  statement {
    sid       = "PassTheRoles"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.task.arn, aws_iam_role.execution.arn]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "ReadOfTasksThatEnded"
    actions   = ["sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:DeleteMessage"]
    resources = [aws_sqs_queue.observer.arn]
  }

  statement {
    # The queue and the alerts are encrypted.
    sid       = "KeyOfTheEnvironment"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }

  statement {
    # Prefect shows what a run wrote that died before it reached Prefect.
    sid       = "ReadLogsOfCrashedRuns"
    actions   = ["logs:GetLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["run"].arn}:log-stream:*"]
  }

  statement {
    # The watcher beside the worker tells of runs that cannot tell themselves.
    sid       = "TellAlerts"
    actions   = ["sns:Publish"]
    resources = values(var.alert_topic_arns)
  }

  statement {
    # What was told is not told again.
    sid       = "RememberAlerts"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${var.buckets["artifacts"].arn}/alerts/*"]
  }

  statement {
    # Without it S3 says "access denied" of what is not there; with a condition on the prefix, it says so too.
    sid       = "ListAlerts"
    actions   = ["s3:ListBucket"]
    resources = [var.buckets["artifacts"].arn]
  }
}

resource "aws_iam_role_policy" "worker" {
  name   = "start-flow-runs"
  role   = aws_iam_role.worker.id
  policy = data.aws_iam_policy_document.worker.json
}
