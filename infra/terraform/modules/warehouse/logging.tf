# Who connected, whose rights changed, and every statement; Redshift names the groups so.
resource "aws_cloudwatch_log_group" "audit" {
  #checkov:skip=CKV_AWS_338:How long is the environment's choice; prod keeps a year.
  for_each = toset(["connectionlog", "useractivitylog", "userlog"])

  name              = "/aws/redshift/cluster/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_redshift_logging" "this" {
  cluster_identifier   = aws_redshift_cluster.this.cluster_identifier
  log_destination_type = "cloudwatch"
  log_exports          = sort(keys(aws_cloudwatch_log_group.audit))
}
