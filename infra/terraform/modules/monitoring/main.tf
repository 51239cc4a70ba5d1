# What is told of an environment, to whom, and where it is seen.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}
