resource "aws_redshift_snapshot_schedule" "this" {
  identifier  = var.name
  description = "Automated snapshots of ${var.name}"
  definitions = var.snapshot_schedule
}

resource "aws_redshift_snapshot_schedule_association" "this" {
  cluster_identifier  = aws_redshift_cluster.this.cluster_identifier
  schedule_identifier = aws_redshift_snapshot_schedule.this.identifier
}

# The grant lets Redshift encrypt copies in the other region, with that region's key.
resource "aws_redshift_snapshot_copy_grant" "this" {
  count    = var.snapshot_copy_region == null ? 0 : 1
  provider = aws.replica

  snapshot_copy_grant_name = var.name
  kms_key_id               = var.snapshot_copy_kms_key_arn
}

resource "aws_redshift_snapshot_copy" "this" {
  count = var.snapshot_copy_region == null ? 0 : 1

  cluster_identifier               = aws_redshift_cluster.this.cluster_identifier
  destination_region               = var.snapshot_copy_region
  retention_period                 = var.snapshot_retention_days
  manual_snapshot_retention_period = 365
  snapshot_copy_grant_name         = aws_redshift_snapshot_copy_grant.this[0].snapshot_copy_grant_name
}
