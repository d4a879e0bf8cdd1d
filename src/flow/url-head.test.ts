import { describe, expect, test } from "vitest"
import { parseTemplate } from "./parse-template.ts"
import { literalHead, parseAddress, parseServiceHost } from "./url-head.ts"

function hostOf(url: string): string {
  const address = parseAddress(literalHead(parseTemplate(url)))
  return address.ok ? address.host : address.code
}

describe("parseAddress()", () => {
  test.each([
    ["http://shop.example", "shop.example"],
    ["https://Shop.Example:8443/a?b", "shop.example"],
    ["http://shop.example/${ params.id }", "shop.example"],
    ["http://shop.example?x=${ params.id }", "shop.example"],
    ["http://127.0.0.1:80/", "127.0.0.1"],
    ["http://127.1/", "127.0.0.1"],
    ["http://0x7f.1/", "127.0.0.1"],
    ["http://2130706433/", "127.0.0.1"],
    ["http://[::1]:80/", "::1"],
    ["http://[::ffff:10.0.0.1]/", "::ffff:a00:1"],
    ["http://$${x}.example/", "url_invalid"],
    ["http://支付.example/", "xn--bnq875c.example"],
  ])("%s goes to %s", (url, host) => {
    expect(hostOf(url)).toBe(host)
  })

  test.each([
    "${ params.url }",
    "http://${ params.host }/",
    "http://a.${ params.host }/",
    "http://shop.example${ params.rest }",
    "http${ params.rest }",
    "http:${ params.rest }",
    "http:/${ params.rest }",
    "${ 'http' }://shop.example/",
  ])("the host of %s is not constant", (url) => {
    expect(hostOf(url)).toBe("host_not_constant")
  })

  test.each([
    "ftp://a/",
    "file:///etc/passwd",
    "//a/b",
    "a/b",
    "http:a",
    "http:/a",
    "http:///a",
    "http://:80/",
    "http://a:99999/",
  ])("%s is no address", (url) => {
    expect(hostOf(url)).toBe("url_invalid")
  })

  test("refuses credentials", () => {
    expect(hostOf("http://user:password@shop.example/")).toBe("url_credentials")
    expect(hostOf("http://shop.example@evil.example/${ params.x }")).toBe("url_credentials")
  })
})

describe("parseServiceHost()", () => {
  test.each([
    ["payment-service", "payment-service"],
    ["PaymentService:8080", "paymentservice"],
    ["10.0.0.1:80", "10.0.0.1"],
    ["127.1", "127.0.0.1"],
    ["[::1]:50051", "::1"],
    ["payment_service", "payment_service"],
  ])("%s is %s", (service, host) => {
    expect(parseServiceHost(service)).toBe(host)
  })

  test.each(["a b", "http://a", "a/b", "a:b", "a@b", "a:99999", "a:0", "-a", "a?", "支付", "a:", "[::1"])(
    "%s is no host",
    (service) => {
      expect(parseServiceHost(service)).toBeUndefined()
    },
  )
})
