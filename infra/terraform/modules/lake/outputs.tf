output "kms_key_arn" {
  description = "The environment's key."
  value       = aws_kms_key.this.arn
}

output "replica_kms_key_arn" {
  description = "Its counterpart in the replica's region; null without a replica."
  value       = one(aws_kms_key.replica[*].arn)
}

output "buckets" {
  description = "Layer (raw, clean, curated, quarantine, artifacts, site, logs) to id and ARN of its bucket."
  value       = { for layer, bucket in aws_s3_bucket.this : layer => { id = bucket.id, arn = bucket.arn } }
}

output "replica_buckets" {
  description = "Layer to id and ARN of its replica; empty without a replica."
  value       = { for layer, bucket in aws_s3_bucket.replica : layer => { id = bucket.id, arn = bucket.arn } }
}
