locals {
  groups = {
    worker    = "Flow runs and the Prefect worker on ECS"
    warehouse = "Redshift"
    glue      = "Workers of the Glue job"
    endpoints = "Interface endpoints of AWS services"
    landing   = "Landing functions"
  }

  # Who may open a connection to whom: one entry makes the rule of both sides.
  connections = {
    worker_to_warehouse  = { from = "worker", to = "warehouse", port = 5439, what = "Redshift" }
    worker_to_endpoints  = { from = "worker", to = "endpoints", port = 443, what = "AWS services" }
    glue_to_endpoints    = { from = "glue", to = "endpoints", port = 443, what = "AWS services" }
    landing_to_endpoints = { from = "landing", to = "endpoints", port = 443, what = "AWS services" }
  }

  # Who reads and writes S3, through the gateway endpoint; Redshift does by COPY and UNLOAD.
  s3_readers = toset(["worker", "warehouse", "glue", "landing"])

  # Prefect's API lies outside; and for Glue, whose runs talk to nobody else, AWS itself where it has no endpoints.
  goes_out = concat(["worker", "landing"], length(setsubtract(["glue", "kms", "logs"], var.interface_endpoints)) == 0 ? [] : ["glue"])
  outward = var.nat == "none" ? {} : {
    for pair in setproduct(local.goes_out, var.https_cidrs) : "${pair[0]}_${pair[1]}" => { group = pair[0], cidr = pair[1] }
  }
}

resource "aws_security_group" "this" {
  #checkov:skip=CKV2_AWS_5:Other modules attach the groups.
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "connection" {
  for_each = local.connections

  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.value.to].id
  description                  = "${each.value.what}: to ${each.value.to}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "connection" {
  for_each = local.connections

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = "${each.value.what}: from ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

# Driver and executors of one Glue run talk on ports of their own choice; Glue asks for all of TCP within the group.
resource "aws_vpc_security_group_egress_rule" "glue_self" {
  security_group_id            = aws_security_group.this["glue"].id
  referenced_security_group_id = aws_security_group.this["glue"].id
  description                  = "Spark: driver and executors"
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_ingress_rule" "glue_self" {
  #checkov:skip=CKV_AWS_24:The rule lets in the group itself, no address.
  #checkov:skip=CKV_AWS_25:The rule lets in the group itself, no address.
  #checkov:skip=CKV_AWS_260:The rule lets in the group itself, no address.
  security_group_id            = aws_security_group.this["glue"].id
  referenced_security_group_id = aws_security_group.this["glue"].id
  description                  = "Spark: driver and executors"
  ip_protocol                  = "tcp"
  from_port                    = 0
  to_port                      = 65535
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  for_each = local.s3_readers

  security_group_id = aws_security_group.this[each.key].id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  description       = "S3, through the gateway endpoint"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "https" {
  for_each = local.outward

  security_group_id = aws_security_group.this[each.value.group].id
  cidr_ipv4         = each.value.cidr
  description       = "HTTPS through NAT: Prefect API, AWS without an endpoint"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
