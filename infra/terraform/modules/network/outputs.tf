output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "private_subnet_ids" {
  description = "Private subnets, one per zone, in the order of the zones."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]
}

output "public_subnet_ids" {
  description = "Public subnets, one per zone, in the order of the zones."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
}

output "security_group_ids" {
  description = "worker, warehouse, glue, endpoints, landing to their security groups."
  value       = { for name, group in aws_security_group.this : name => group.id }
}

output "flow_log_group_name" {
  description = "Log group of the VPC's flow logs."
  value       = aws_cloudwatch_log_group.flow.name
}
