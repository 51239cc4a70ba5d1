data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Glue"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["glue.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "job" {
  name               = "${var.name}-glue"
  description        = "Lake transforms of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "job" {
  #checkov:skip=CKV_AWS_111:Network interfaces are made before they have a name; the condition holds them to the job's subnet.
  #checkov:skip=CKV_AWS_356:Describe actions of EC2 name no resource.
  statement {
    sid       = "FindLakeAndBundle"
    actions   = ["s3:ListBucket"]
    resources = [for layer in ["clean", "curated", "artifacts"] : var.buckets[layer].arn]
  }

  statement {
    sid     = "ReadScriptSourcesAndPlans"
    actions = ["s3:GetObject"]
    resources = [
      "${local.artifacts.arn}/bundle/*",
      "${local.artifacts.arn}/glue/*",
      "${var.buckets["clean"].arn}/clean/*",
    ]
  }

  statement {
    sid       = "WriteCurated"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${var.buckets["curated"].arn}/curated/*"]
  }

  statement {
    sid       = "EncryptAndDecrypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }

  statement {
    sid     = "WriteLogs"
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/*",
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/*:log-stream:*",
    ]
  }

  statement {
    sid       = "WriteMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"] # CloudWatch names no resource here.

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }

  statement {
    sid     = "ReadConnection"
    actions = ["glue:GetConnection"]
    resources = [
      "arn:${local.partition}:glue:${local.region}:${local.account}:catalog",
      "arn:${local.partition}:glue:${local.region}:${local.account}:connection/${aws_glue_connection.vpc.name}",
    ]
  }

  statement {
    sid       = "ReadSecurityConfiguration"
    actions   = ["glue:GetSecurityConfiguration"]
    resources = ["*"] # Glue names no resource here.
  }

  statement {
    sid = "LookAtVpc"
    actions = [
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
      "ec2:DescribeVpcEndpoints",
    ]
    resources = ["*"] # EC2 names no resource here.
  }

  statement {
    sid       = "LookAtVpcItself"
    actions   = ["ec2:DescribeVpcAttribute"]
    resources = ["arn:${local.partition}:ec2:${local.region}:${local.account}:vpc/${data.aws_subnet.job.vpc_id}"]
  }

  statement {
    sid     = "JoinVpc"
    actions = ["ec2:CreateNetworkInterface"]
    resources = [
      "arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*",
      "arn:${local.partition}:ec2:${local.region}:${local.account}:security-group/${var.security_group_id}",
      "arn:${local.partition}:ec2:${local.region}:${local.account}:subnet/${var.subnet_id}",
    ]
  }

  statement {
    sid       = "LeaveVpc"
    actions   = ["ec2:DeleteNetworkInterface"]
    resources = ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"]

    condition {
      test     = "ArnEquals"
      variable = "ec2:Subnet"
      values   = ["arn:${local.partition}:ec2:${local.region}:${local.account}:subnet/${var.subnet_id}"]
    }
  }

  statement {
    sid       = "TagItsInterfaces"
    actions   = ["ec2:CreateTags", "ec2:DeleteTags"]
    resources = ["arn:${local.partition}:ec2:${local.region}:${local.account}:network-interface/*"]

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["aws-glue-service-resource"]
    }
  }
}

resource "aws_iam_role_policy" "job" {
  name   = "lake-transforms"
  role   = aws_iam_role.job.id
  policy = data.aws_iam_policy_document.job.json
}

resource "aws_iam_role" "crawler" {
  name               = "${var.name}-crawler"
  description        = "Registers partitions of the raw tables of ${var.name}."
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "crawler" {
  #checkov:skip=CKV_AWS_356:glue:GetSecurityConfiguration names no resource.
  statement {
    sid       = "FindDeliveries"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket"]
    resources = [var.buckets["raw"].arn]
  }

  statement {
    sid       = "ReadDeliveries"
    actions   = ["s3:GetObject"]
    resources = ["${var.buckets["raw"].arn}/raw/*"]
  }

  statement {
    sid = "RegisterPartitions"
    actions = [
      "glue:BatchCreatePartition", "glue:BatchGetPartition", "glue:BatchUpdatePartition", "glue:CreatePartition",
      "glue:GetDatabase", "glue:GetPartition", "glue:GetPartitions", "glue:GetTable", "glue:GetTables", "glue:UpdatePartition",
    ]
    resources = [
      "arn:${local.partition}:glue:${local.region}:${local.account}:catalog",
      "arn:${local.partition}:glue:${local.region}:${local.account}:database/${aws_glue_catalog_database.this.name}",
      "arn:${local.partition}:glue:${local.region}:${local.account}:table/${aws_glue_catalog_database.this.name}/raw_*",
    ]
  }

  statement {
    sid       = "ReadSecurityConfiguration"
    actions   = ["glue:GetSecurityConfiguration"]
    resources = ["*"] # Glue names no resource here.
  }

  statement {
    sid       = "EncryptAndDecrypt"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [var.kms_key_arn]
  }

  statement {
    sid     = "WriteLogs"
    actions = ["logs:AssociateKmsKey", "logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/crawlers*",
      "arn:${local.partition}:logs:${local.region}:${local.account}:log-group:/aws-glue/crawlers*:log-stream:*",
    ]
  }
}

resource "aws_iam_role_policy" "crawler" {
  name   = "raw-partitions"
  role   = aws_iam_role.crawler.id
  policy = data.aws_iam_policy_document.crawler.json
}
