import { describe, expect, it } from "vitest"
import { endpointUrlProblem, sameUrl } from "../../src/webhooks/endpoint-url.ts"
import { isPublicAddress } from "../../src/webhooks/public-address.ts"

describe("the URL of an endpoint", () => {
  it.each([
    "https://example.com/hooks",
    "https://example.com:8443/hooks?a=b",
    "https://1.1.1.1/",
    "https://[2606:4700::1111]/",
    "https://hooks.example.co.uk./",
    "https://bücher.de/hooks",
    "https://lan.example.com/",
    "https://my_hooks.example.com/",
  ])("is taken: %s", (url) => {
    expect(endpointUrlProblem(url, false)).toBeUndefined()
  })

  it.each([
    "http://example.com/",
    "ftp://example.com/",
    "example.com",
    "https://user:secret@example.com/",
    "https://example.com/#part",
    "https://example.com/hooks 👩",
    " https://example.com/",
    "https://example.com/a\nb",
    "https://example.com\\hooks",
    "https://example.com/{id}",
    "https://example.com/\ud800",
    "https://example.com/\u0085",
    "https://localhost/",
    "https://api.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://metadata.google.internal./",
    "https://metadata/",
    "https://intranet/",
    "https://router.lan/",
    "https://ROUTER.LAN./",
    "https://nas.home.arpa/",
    "https://pay.corp/",
    "https://nas.home/",
    "https://db.localdomain/",
    "https://hooks.test/",
    "https://hooks.invalid/",
    "https://hooks.example/",
    "https://abcdefgh.onion/",
    "https://10.in-addr.arpa/",
    "https://a..example.com/",
    "https://*.example.com/",
    `https://${"a.".repeat(130)}example.com/`,
    "https://example.com:0/",
    "https://1.1.1.1:00/",
    "https://168.63.129.16/metadata",
    "https://2822734096/",
    "https://[::ffff:168.63.129.16]/",
    "https://[fd00:ec2::254]/latest",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f000001/",
    "https://2130706433/",
    "https://10.1.2.3/",
    "https://172.31.0.1/",
    "https://192.168.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://100.64.0.1/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://[fd00::1]/",
    "https://[fe80::1]/",
    `https://example.com/${"a".repeat(2_048)}`,
  ])("is refused: %s", (url) => {
    expect(endpointUrlProblem(url, false)).toMatch(/^expected /)
  })

  it("may be plain and private on a laptop, but is still one of HTTP", () => {
    expect(endpointUrlProblem("http://127.0.0.1:8080/hooks", true)).toBeUndefined()
    expect(endpointUrlProblem("file:///etc/passwd", true)).toMatch(/^expected /)
  })

  it.each([
    "http://127.0.0.1:0/hooks",
    "http://169.254.169.254/latest/meta-data",
    "http://0xa9fea9fe/",
    "http://2852039166/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[fd00:ec2::254]/",
    "http://168.63.129.16/",
  ])("is refused on a laptop as well: %s", (url) => {
    expect(endpointUrlProblem(url, true)).toMatch(/^expected /)
  })

  it.each([
    ["https://EXAMPLE.com", "https://example.com/"],
    ["https://example.com:443/a?", "https://example.com./a"],
    ["https://example.com/%7ea%2f", "https://example.com/~a%2F"],
    ["https://münchen.example/", "https://xn--mnchen-3ya.example/"],
    ["https://example.com/a/../b", "https://example.com/b"],
  ])("leads to the same place: %s and %s", (one, other) => {
    expect(sameUrl(one)).toBe(sameUrl(other))
  })

  it.each([
    ["https://example.com/a", "https://example.com/A"],
    ["https://example.com/a", "https://example.com/a/"],
    ["https://example.com/a/b", "https://example.com/a%2Fb"],
    ["https://example.com/", "https://example.com:8443/"],
    ["https://example.com/?a=b&c=d", "https://example.com/?a=b%26c=d"],
    ["http://example.com/", "https://example.com/"],
  ])("leads to another place: %s and %s", (one, other) => {
    expect(sameUrl(one)).not.toBe(sameUrl(other))
  })

  it.each(["https://example.com:25/", "https://example.com:6667/", "https://[2a00::1]:22/"])(
    "is refused for its port: %s",
    (url) => {
      expect(endpointUrlProblem(url, false)).toBe("expected a port that no other protocol has")
      expect(endpointUrlProblem(url.replace(/:\d+\/$/, ":8443/"), false)).toBeUndefined()
    },
  )

  it("is no address when it is a name", () => {
    expect(isPublicAddress("example.com")).toBe(false)
  })
})
