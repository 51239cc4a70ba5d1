resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [for table in aws_route_table.private : table.id]
  policy            = data.aws_iam_policy_document.s3_endpoint.json

  tags = { Name = "${var.name}-s3" }
}

# What may leave through the gateway: objects of this account's buckets, whatever rights somebody else's keys give.
data "aws_iam_policy_document" "s3_endpoint" {
  #checkov:skip=CKV_AWS_283:An endpoint's policy bounds everybody; who may do what is said by roles and buckets.
  #checkov:skip=CKV_AWS_111:The condition bounds it to buckets of this account.
  #checkov:skip=CKV_AWS_356:The condition bounds it to buckets of this account.
  statement {
    sid = "OwnBuckets"
    actions = [
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:GetBucketLocation", "s3:GetObject",
      "s3:GetObjectAttributes", "s3:GetObjectTagging", "s3:GetObjectVersion", "s3:ListBucket", "s3:ListBucketMultipartUploads",
      "s3:ListBucketVersions", "s3:ListMultipartUploadParts", "s3:PutObject", "s3:PutObjectTagging",
    ]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [local.account]
    }
  }

  # AWS keeps image layers of ECR and libraries of Glue in buckets of its own.
  statement {
    sid     = "BucketsOfEcrAndGlue"
    actions = ["s3:GetObject"]
    resources = [
      "arn:${local.partition}:s3:::prod-${local.region}-starport-layer-bucket/*",
      "arn:${local.partition}:s3:::aws-glue-*/*",
    ]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    # ECR signs addresses of layers in its own name, so the account of the caller cannot be asked for.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceVpc"
      values   = [aws_vpc.this.id]
    }
  }
}

locals {
  # What may pass each endpoint, for roles of this account. A new call of the code needs its action here, or AWS refuses it.
  endpoint_actions = {
    "ecr.api"      = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer"]
    "ecr.dkr"      = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    ecs            = ["ecs:DeregisterTaskDefinition", "ecs:DescribeClusters", "ecs:DescribeTaskDefinition", "ecs:DescribeTasks", "ecs:ListClusters", "ecs:ListTaskDefinitions", "ecs:ListTasks", "ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:StopTask", "ecs:TagResource"]
    glue           = ["glue:BatchStopJobRun", "glue:GetConnection", "glue:GetJob", "glue:GetJobRun", "glue:GetJobRuns", "glue:GetSecurityConfiguration", "glue:StartJobRun"]
    kms            = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]
    logs           = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogGroups", "logs:DescribeLogStreams", "logs:GetLogEvents", "logs:PutLogEvents"]
    monitoring     = ["cloudwatch:PutMetricData"]
    redshift       = ["redshift:DescribeClusters", "redshift:GetClusterCredentialsWithIAM"]
    secretsmanager = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    sns            = ["sns:Publish"]
    sqs            = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
    states         = ["states:DescribeExecution", "states:GetExecutionHistory", "states:StartExecution"]
    sts            = ["sts:AssumeRole", "sts:GetCallerIdentity"]
  }
}

data "aws_iam_policy_document" "interface_endpoint" {
  #checkov:skip=CKV_AWS_283:An endpoint's policy bounds everybody; the condition lets in roles of this account only.
  #checkov:skip=CKV_AWS_111:Whoever passes has rights of its own role only; this bounds them further.
  #checkov:skip=CKV_AWS_356:Whoever passes has rights of its own role only; this bounds them further.
  for_each = var.interface_endpoints

  statement {
    sid       = "OwnRoles"
    actions   = local.endpoint_actions[each.key]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [local.account]
    }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interface_endpoints

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${local.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.private : subnet.id]
  security_group_ids  = [aws_security_group.this["endpoints"].id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.interface_endpoint[each.key].json

  tags = { Name = "${var.name}-${each.key}" }
}
