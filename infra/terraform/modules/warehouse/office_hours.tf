# A paused cluster costs its storage only.
resource "aws_redshift_scheduled_action" "resume" {
  count = var.office_hours ? 1 : 0

  name        = "${var.name}-resume"
  description = "Resumes the cluster for the working day"
  schedule    = var.resume_schedule
  iam_role    = aws_iam_role.scheduler[0].arn

  target_action {
    resume_cluster {
      cluster_identifier = aws_redshift_cluster.this.cluster_identifier
    }
  }
}

resource "aws_redshift_scheduled_action" "pause" {
  count = var.office_hours ? 1 : 0

  name        = "${var.name}-pause"
  description = "Pauses the cluster for the night and the weekend"
  schedule    = var.pause_schedule
  iam_role    = aws_iam_role.scheduler[0].arn

  target_action {
    pause_cluster {
      cluster_identifier = aws_redshift_cluster.this.cluster_identifier
    }
  }
}
