import { toError } from "../../contract/errors.ts"
import { Misconfigured } from "../call.ts"

/** A client library that not everybody needs and that is installed by those who do. Throws `Misconfigured`. */
export async function loadLibrary<Library>(load: () => Promise<Library>, packages: string): Promise<Library> {
  try {
    return await load()
  } catch (thrown) {
    const error = toError(thrown)
    if (!("code" in error) || (error.code !== "ERR_MODULE_NOT_FOUND" && error.code !== "MODULE_NOT_FOUND"))
      throw error
    throw new Misconfigured(
      "driver_missing",
      `this connection needs a package that is not installed beside Holdfast: npm install ${packages}`,
      { cause: error },
    )
  }
}
