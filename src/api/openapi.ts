import type { OpenAPIHono } from "@hono/zod-openapi"
import type { ApiEnv } from "./dependencies.ts"

/** This API as OpenAPI 3.1, made from the contracts that also check the requests. */
export function createOpenApiDocument(app: OpenAPIHono<ApiEnv>, version: string): Record<string, unknown> {
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: {
      title: "Holdfast",
      version,
      description:
        "Durable business transactions. Answers are `{code: 0, message, data}`; errors are RFC 9457 problems with the same three members beside them, and a stable word in `error`.",
    },
    tags: [
      { name: "flows", description: "What runs: published as JSON, versioned, immutable per version." },
      { name: "task definitions", description: "What a task_name stands for: type, defaults, typed input." },
      { name: "transactions", description: "Runs of flows." },
      { name: "exceptions", description: "What waits for a person." },
      { name: "statistics", description: "Figures over transactions and exceptions." },
      { name: "connections", description: "Downstream systems, and the secrets they are reached with." },
      { name: "access", description: "API keys." },
      { name: "health", description: "Of this process." },
      { name: "docs", description: "This document." },
    ],
  })
  const api_key = {
    type: "http",
    scheme: "bearer",
    description: "An API key, `hf_…`. On loopback it may be off.",
  }
  return { ...document, components: { ...document.components, securitySchemes: { api_key } } }
}
