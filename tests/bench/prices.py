"""AWS's list prices, in us-east-1 and without free tiers or discounts, and what is assumed.

Written down on 2026-11-25 from the public pricing page of each service, without a connection to
look them up again: compare them before relying on a figure to the cent.
"""

from dataclasses import dataclass

HOURS = 730  # In a month, as AWS's calculator reckons.
MONTH_SECONDS = HOURS * 3600


@dataclass(frozen=True)
class Price:
    """Dollars for one unit of something.

    Attributes:
        source: the page below aws.amazon.com that names it.
    """

    dollars: float
    unit: str
    source: str


API_REQUEST = Price(3.50e-6, "request to a REST API", "api-gateway/pricing")
LAMBDA_REQUEST = Price(0.20e-6, "invocation", "lambda/pricing")
LAMBDA_X86 = Price(0.0000166667, "GB-second, x86", "lambda/pricing")
LAMBDA_ARM = Price(0.0000133334, "GB-second, arm64", "lambda/pricing")
READ_UNIT = Price(0.125e-6, "read request unit, on demand", "dynamodb/pricing/on-demand")
WRITE_UNIT = Price(0.625e-6, "write request unit, on demand", "dynamodb/pricing/on-demand")
KMS_KEY = Price(1.00, "key and month", "kms/pricing")
KMS_REQUEST = Price(3.00e-6, "request to KMS", "kms/pricing")
SQS_REQUEST = Price(0.40e-6, "request to a standard queue", "sqs/pricing")
LOG_GB = Price(0.50, "GB of logs taken in", "cloudwatch/pricing")
METRIC = Price(0.30, "custom metric and month", "cloudwatch/pricing")
ALARM = Price(0.10, "alarm and month", "cloudwatch/pricing")
DASHBOARD = Price(3.00, "dashboard and month", "cloudwatch/pricing")
FARGATE_CPU = Price(0.03238, "vCPU-hour, arm64", "fargate/pricing")
FARGATE_GB = Price(0.00356, "GB-hour, arm64", "fargate/pricing")
LOAD_BALANCER = Price(0.0225, "load balancer and hour", "elasticloadbalancing/pricing")
BALANCER_UNIT = Price(0.008, "its capacity unit and hour", "elasticloadbalancing/pricing")
DATABASE = Price(0.032, "db.t4g.micro Multi-AZ and hour", "rds/postgresql/pricing")
DATABASE_GB = Price(0.23, "GB gp3 Multi-AZ and month", "rds/postgresql/pricing")
NAT = Price(0.045, "NAT gateway and hour", "vpc/pricing")
ADDRESS = Price(0.005, "public IPv4 address and hour", "vpc/pricing")

ALL = (
    API_REQUEST,
    LAMBDA_REQUEST,
    LAMBDA_X86,
    LAMBDA_ARM,
    READ_UNIT,
    WRITE_UNIT,
    KMS_KEY,
    KMS_REQUEST,
    SQS_REQUEST,
    LOG_GB,
    METRIC,
    ALARM,
    DASHBOARD,
    FARGATE_CPU,
    FARGATE_GB,
    LOAD_BALANCER,
    BALANCER_UNIT,
    DATABASE,
    DATABASE_GB,
    NAT,
    ADDRESS,
)

# Assumed, where only an account could tell.
CPU_FACTOR = 1769 / 1024  # Lambda gives a whole vCPU to 1769 MB, and our functions have 1024.
MEMORY_GB = 1.0
READ_MILLISECONDS, WRITE_MILLISECONDS = 4.0, 8.0  # A call of DynamoDB, there and back.
OUTBOUND_MILLISECONDS = 200.0  # A request to an MCP or authorization server.
MODEL_MILLISECONDS = 5_000.0  # A model's answer, from the question to its last word.
LOG_BYTES = 350  # Lambda's own lines about an invocation.
POLLS_PER_MONTH = 5 * 3 * 60 * HOURS  # Of one queue: Lambda has five pollers, each for 20 seconds.
