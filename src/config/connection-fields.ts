/** Fields of connections that have rules of their own. */
import { z } from "zod"
import {
  DescriptorSetInvalid,
  MAX_DESCRIPTOR_SET_BYTES,
  parseDescriptorSet,
} from "../connection/descriptor-set.ts"

export const descriptorSet = z
  .string("expected base64 text: what the API answers in its place is a summary only")
  .superRefine((text, context) => {
    try {
      parseDescriptorSet(text)
    } catch (thrown) {
      if (!(thrown instanceof DescriptorSetInvalid)) throw thrown
      context.issues.push({ code: "custom", message: `the descriptor set ${thrown.message}`, input: text })
    }
  })
  .meta({
    description: `Base64 of a serialized FileDescriptorSet (\`protoc --include_imports --descriptor_set_out\`, \`buf build\`), at most ${MAX_DESCRIPTOR_SET_BYTES} bytes. With it the server is asked for no reflection. Answered as its sha256, size and services.`,
  })
