# The Prefect worker: looks for flow runs in the work pool, starts each as a task, and watches what became of it.
# Beside it the watcher tells people of runs that died, hang or never began.

locals {
  # Prefect's worker answers here when it has polled lately.
  health_check = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"

  processes = {
    worker = {
      command     = ["prefect", "worker", "start", "--pool", var.work_pool, "--type", "ecs", "--with-healthcheck"]
      environment = local.worker_environment
      healthCheck = {
        command     = ["CMD", "python", "-c", local.health_check]
        interval    = 30
        timeout     = 5
        retries     = 3
        startPeriod = 120
      }
    }
    watcher = {
      command     = ["dw", "watch"]
      environment = local.run_environment
      healthCheck = null
    }
  }
}

resource "aws_ecs_task_definition" "worker" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 2048
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.worker.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  # The root file system is read-only: these are all that each process writes to.
  dynamic "volume" {
    for_each = toset([for pair in setproduct(keys(local.processes), ["home", "tmp"]) : join("-", pair)])

    content {
      name = volume.key
    }
  }

  # Each ends the task when it ends, and the service starts both anew.
  container_definitions = jsonencode([for name, process in local.processes : merge(
    {
      name                   = name
      image                  = local.image
      essential              = true
      user                   = "10001:10001"
      readonlyRootFilesystem = true
      command                = process.command
      stopTimeout            = 60
      environment            = [for key in sort(keys(process.environment)) : { name = key, value = process.environment[key] }]
      secrets                = [{ name = "PREFECT_API_KEY", valueFrom = aws_secretsmanager_secret.prefect.arn }]

      linuxParameters = {
        initProcessEnabled = true
        capabilities       = { drop = ["ALL"], add = [] }
      }

      mountPoints = [
        { sourceVolume = "${name}-home", containerPath = local.home, readOnly = false },
        { sourceVolume = "${name}-tmp", containerPath = "/tmp", readOnly = false },
      ]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this["worker"].name
          awslogs-region        = local.region
          awslogs-stream-prefix = name
          mode                  = "non-blocking"
          max-buffer-size       = "4m"
        }
      }
    },
    process.healthCheck == null ? {} : { healthCheck = process.healthCheck },
  )])
}

resource "aws_ecs_service" "worker" {
  name            = "${var.name}-worker"
  cluster         = aws_ecs_cluster.this.id
  task_definition = aws_ecs_task_definition.worker.arn
  desired_count   = var.worker_count
  launch_type     = "FARGATE"
  propagate_tags  = "SERVICE"

  # A new worker starts before the old one ends: several may serve one pool, each flow run is given to one of them.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [var.worker_security_group_id]
    assign_public_ip = false
  }

  depends_on = [aws_iam_role_policy.execution, aws_iam_role_policy.worker]
}
