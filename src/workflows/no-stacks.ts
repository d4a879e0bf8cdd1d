/**
 * No stack traces in the sandbox. The SDK takes one of every promise that a workflow makes, through the source map,
 * for Temporal's view of its call stack; an interpreter's is the same whatever the flow does, and taking them was a
 * third of what a transaction of three tasks cost the workflow thread.
 *
 * Preloaded, since `Error` is frozen from the first run on. An error of our own has its message and no stack then: a
 * replay with a bundle that was made with `stacks` finds the line.
 */

// V8 takes none where this is no number (https://v8.dev/docs/stack-trace-api).
Object.assign(Error, { stackTraceLimit: undefined })
