mock_provider "aws" {
  source = "../../testing/mocks"
}

# Groups of the mocked provider need different ids, or nothing could be told of who names whom.
override_resource {
  target = aws_security_group.this["worker"]
  values = { id = "sg-worker" }
}

override_resource {
  target = aws_security_group.this["warehouse"]
  values = { id = "sg-warehouse" }
}

override_resource {
  target = aws_security_group.this["glue"]
  values = { id = "sg-glue" }
}

override_resource {
  target = aws_security_group.this["endpoints"]
  values = { id = "sg-endpoints" }
}

override_resource {
  target = aws_security_group.this["landing"]
  values = { id = "sg-landing" }
}

variables {
  name        = "warehouse-dev"
  environment = "dev"
  kms_key_arn = "arn:aws:kms:ap-south-1:111122223333:key/00000000-0000-0000-0000-000000000000"
}

run "subnets" {
  assert {
    condition     = [for zone in ["ap-south-1a", "ap-south-1b", "ap-south-1c"] : aws_subnet.private[zone].cidr_block] == ["10.20.0.0/20", "10.20.16.0/20", "10.20.32.0/20"]
    error_message = "Three private subnets, one per zone."
  }

  assert {
    condition     = [for zone in ["ap-south-1a", "ap-south-1b", "ap-south-1c"] : aws_subnet.public[zone].cidr_block] == ["10.20.240.0/24", "10.20.241.0/24", "10.20.242.0/24"]
    error_message = "Three public subnets, one per zone."
  }

  assert {
    condition     = !anytrue([for subnet in aws_subnet.private : subnet.map_public_ip_on_launch]) && !anytrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address by itself."
  }

  assert {
    condition     = alltrue([for zone, table in aws_route_table_association.private : table.route_table_id == aws_route_table.private[zone].id]) && length(aws_route_table_association.private) == 3
    error_message = "Each private subnet has the table of its zone."
  }
}

run "who_reaches_whom" {
  assert {
    condition = {
      for rule in aws_vpc_security_group_ingress_rule.connection :
      "${rule.referenced_security_group_id} > ${rule.security_group_id}" => rule.from_port if rule.from_port == rule.to_port
      } == {
      "sg-worker > sg-warehouse"  = 5439
      "sg-worker > sg-endpoints"  = 443
      "sg-glue > sg-endpoints"    = 443
      "sg-landing > sg-endpoints" = 443
    }
    error_message = "Only the worker reaches Redshift; worker, Glue and landing reach the endpoints."
  }

  assert {
    condition = {
      for rule in aws_vpc_security_group_egress_rule.connection : "${rule.security_group_id} > ${rule.referenced_security_group_id}" => rule.from_port
      } == {
      for rule in aws_vpc_security_group_ingress_rule.connection : "${rule.referenced_security_group_id} > ${rule.security_group_id}" => rule.from_port
    }
    error_message = "What one side may open, the other side lets in, and no more."
  }

  assert {
    condition = (
      aws_vpc_security_group_ingress_rule.glue_self.referenced_security_group_id == "sg-glue" &&
      aws_vpc_security_group_ingress_rule.glue_self.security_group_id == "sg-glue" &&
      aws_vpc_security_group_egress_rule.glue_self.referenced_security_group_id == "sg-glue" &&
      aws_vpc_security_group_ingress_rule.glue_self.to_port == 65535
    )
    error_message = "Driver and executors of Glue reach each other on all ports, and nobody else does."
  }

  assert {
    condition = alltrue([
      for rule in concat(values(aws_vpc_security_group_ingress_rule.connection), [aws_vpc_security_group_ingress_rule.glue_self]) :
      rule.cidr_ipv4 == null && rule.cidr_ipv6 == null
    ])
    error_message = "Nothing is let in by address, least of all from 0.0.0.0/0: only named groups."
  }

  assert {
    condition     = alltrue([for group in aws_security_group.this : try(length(group.ingress), 0) == 0 && try(length(group.egress), 0) == 0])
    error_message = "Groups have no rules in line."
  }

  assert {
    condition     = toset([for rule in aws_vpc_security_group_egress_rule.https : rule.security_group_id]) == toset(["sg-worker", "sg-landing"]) && alltrue([for rule in aws_vpc_security_group_egress_rule.https : rule.from_port == 443])
    error_message = "Only worker and landing go out, by HTTPS; neither Redshift nor Glue does."
  }

  assert {
    condition     = aws_default_security_group.this.vpc_id == aws_vpc.this.id && try(length(aws_default_security_group.this.ingress), 0) == 0 && try(length(aws_default_security_group.this.egress), 0) == 0
    error_message = "The VPC's default group is empty."
  }
}

run "endpoints" {
  assert {
    condition     = length(aws_vpc_endpoint.s3.route_table_ids) > 0 && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.service_name == "com.amazonaws.ap-south-1.s3"
    error_message = "S3 is reached through a gateway from the private subnets."
  }

  assert {
    condition = length(setsubtract(
      ["secretsmanager", "logs", "ecr.api", "ecr.dkr", "redshift", "glue", "sqs", "sns", "states", "monitoring", "kms", "sts", "ecs"],
      [for endpoint in aws_vpc_endpoint.interface : trimprefix(endpoint.service_name, "com.amazonaws.ap-south-1.")]
    )) == 0
    error_message = "All services that the pipeline calls have an endpoint."
  }

  assert {
    condition     = alltrue([for endpoint in aws_vpc_endpoint.interface : endpoint.private_dns_enabled && endpoint.security_group_ids == toset(["sg-endpoints"])])
    error_message = "Endpoints answer under the services' own names, to those whom their group lets in."
  }

  assert {
    condition = alltrue([
      for statement in data.aws_iam_policy_document.s3_endpoint.statement :
      !contains(statement.resources, "*") || anytrue([for condition in statement.condition : condition.variable == "aws:ResourceAccount" && condition.values == tolist(["111122223333"])])
    ])
    error_message = "Through the gateway go objects of this account, and nothing else but AWS's own."
  }
}

run "what_passes_endpoints" {
  assert {
    condition = alltrue([
      for service, policy in data.aws_iam_policy_document.interface_endpoint : alltrue([
        for statement in policy.statement :
        alltrue([for action in statement.actions : !strcontains(action, "*")]) &&
        anytrue([for condition in statement.condition : condition.variable == "aws:PrincipalAccount" && condition.values == tolist(["111122223333"])])
      ])
    ]) && keys(data.aws_iam_policy_document.interface_endpoint) == keys(aws_vpc_endpoint.interface)
    error_message = "Each endpoint lets roles of this account pass, for the actions that the pipeline needs."
  }
}

run "unknown_endpoint_is_refused" {
  command = plan

  variables {
    interface_endpoints = ["logs", "dynamodb"]
  }

  expect_failures = [var.interface_endpoints]
}

run "flow_logs" {
  assert {
    condition     = aws_flow_log.this.traffic_type == "ALL" && aws_flow_log.this.vpc_id == aws_vpc.this.id && aws_cloudwatch_log_group.flow.kms_key_id == var.kms_key_arn && aws_cloudwatch_log_group.flow.retention_in_days == 365
    error_message = "All traffic is logged, encrypted, for as long as was asked."
  }
}

run "nat_single" {
  assert {
    condition     = keys(aws_nat_gateway.this) == ["ap-south-1a"] && length(aws_route.nat) == 3
    error_message = "One gateway serves the three zones."
  }
}

run "nat_per_az" {
  variables {
    nat = "per_az"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && alltrue([for zone, route in aws_route.nat : route.nat_gateway_id == aws_nat_gateway.this[zone].id])
    error_message = "Each zone has a gateway of its own."
  }
}

run "nat_none" {
  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_internet_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_vpc_security_group_egress_rule.https) == 0
    error_message = "Without NAT there is no way out."
  }
}

run "two_zones" {
  variables {
    az_count = 2
  }

  assert {
    condition     = length(output.private_subnet_ids) == 2 && length(output.public_subnet_ids) == 2
    error_message = "As many subnets as zones."
  }
}

run "nat_none_without_endpoints_is_refused" {
  command = plan

  variables {
    nat                 = "none"
    interface_endpoints = ["logs"]
  }

  expect_failures = [var.interface_endpoints]
}

run "wrong_block_is_refused" {
  command = plan

  variables {
    cidr = "10.20.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "without_endpoints_glue_reaches_aws_through_nat" {
  variables {
    nat                 = "single"
    interface_endpoints = []
  }

  assert {
    condition     = contains(keys(aws_vpc_security_group_egress_rule.https), "glue_0.0.0.0/0")
    error_message = "A lake transform could not reach KMS, its logs and Glue, and would hang."
  }
}

run "with_endpoints_glue_goes_nowhere_else" {
  variables {
    nat                 = "single"
    interface_endpoints = null
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 13 && !contains(keys(aws_vpc_security_group_egress_rule.https), "glue_0.0.0.0/0")
    error_message = "Glue talks to the internet although AWS is inside."
  }
}
