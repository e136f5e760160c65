# A scene for the AWS provider: what people put before eventrouting, and one
# mapping of each kind. The test changes it with -var.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "endpoint" {
  type = string
}

variable "shards" {
  type    = number
  default = 2
}

variable "batch_size" {
  type    = number
  default = 100
}

provider "aws" {
  region                      = "eu-west-1"
  access_key                  = "123456789012"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_metadata_api_check     = true

  endpoints {
    iam     = var.endpoint # asked first who the caller is, then sts
    kinesis = var.endpoint
    lambda  = var.endpoint
    sts     = var.endpoint
  }
}

resource "aws_kinesis_stream" "orders" {
  name                = "orders"
  shard_count         = var.shards
  retention_period    = 48
  shard_level_metrics = ["IncomingBytes"]
  encryption_type     = "KMS"
  kms_key_id          = "alias/aws/kinesis"
  tags                = { team = "orders" }

  enforce_consumer_deletion = true
}

resource "aws_kinesis_stream_consumer" "reader" {
  name       = "reader"
  stream_arn = aws_kinesis_stream.orders.arn
}

resource "aws_lambda_function" "processor" {
  function_name                  = "order-processor"
  role                           = "arn:aws:iam::123456789012:role/orders"
  runtime                        = "python3.12"
  handler                        = "handler.handler"
  filename                       = "${path.module}/code.zip"
  source_code_hash               = filebase64sha256("${path.module}/code.zip")
  publish                        = true
  reserved_concurrent_executions = 20
  tags                           = { team = "orders" }
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.processor.function_name
  function_version = aws_lambda_function.processor.version
}

resource "aws_lambda_event_source_mapping" "alias" {
  event_source_arn  = aws_kinesis_stream.orders.arn
  function_name     = aws_lambda_alias.live.arn
  starting_position = "TRIM_HORIZON"
  batch_size        = var.batch_size
  tags              = { team = "orders" }

  filter_criteria {
    filter {
      pattern = jsonencode({ data = { type = ["OrderPlaced"] } })
    }
  }
}

resource "aws_lambda_event_source_mapping" "fan_out" {
  event_source_arn  = aws_kinesis_stream_consumer.reader.arn
  function_name     = aws_lambda_function.processor.arn
  starting_position = "LATEST"
  batch_size        = var.batch_size
}
