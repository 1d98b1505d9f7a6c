import NIOHTTP1
import Synchronization

/// Who gets in.
///
/// Every user of the machine reaches a port on loopback, and a browser sends a port's cookies to all other
/// ports of the host. So a cookie alone admits nobody: it goes with a secret that only scripts of the page's
/// own origin can read, and both are handed out for a token that works once. docs/web.md tells the whole.
final class Doorkeeper: Sendable {
  /// Names that `Host` may have, in lower case.
  private let hosts: Set<String>
  let cookieName: String
  private let state = Mutex(State())

  private struct State {
    var tokens: [(text: String, until: ContinuousClock.Instant)] = []
    var sessions: [Session] = []
  }

  private struct Session {
    var cookie: String
    var secret: String
  }

  /// How long a token works.
  static let tokenLife = Duration.seconds(60)
  /// Most tokens that wait and sessions that last; the oldest goes.
  private static let limit = 64

  /// - Parameters:
  ///   - hosts: what `Host` may say, with the port.
  ///   - port: names the cookie; a port's cookie is another port's noise.
  init(hosts: [String], port: Int?) {
    self.hosts = Set(hosts.map { $0.lowercased() })
    self.cookieName = "riff-web-\(port.map(String.init) ?? "socket")"
  }

  /// Whether a name can stand in `Host`: letters, digits, dots, dashes, brackets of IPv6, a port.
  static func isHost(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255
      && text.utf8.allSatisfy { byte in
        (0x30...0x3A).contains(byte) || (0x41...0x5B).contains(byte)
          || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5D
      }
  }

  /// A new token, which ``enter(token:)`` takes once within a minute.
  func makeToken() -> String {
    let token = Randomness.text()
    self.state.withLock { state in
      let now = ContinuousClock.now
      state.tokens.removeAll { $0.until <= now }
      if state.tokens.count >= Self.limit { state.tokens.removeFirst() }
      state.tokens.append((token, now + Self.tokenLife))
    }
    return token
  }

  /// A new session for a token, which then is used up; nil where it is none, or is too old.
  func enter(token: String) -> (cookie: String, secret: String)? {
    self.state.withLock { state in
      let now = ContinuousClock.now
      state.tokens.removeAll { $0.until <= now }
      guard let index = state.tokens.firstIndex(where: { Randomness.equal($0.text, token) }) else {
        return nil
      }
      state.tokens.remove(at: index)
      let session = Session(cookie: Randomness.text(), secret: Randomness.text())
      if state.sessions.count >= Self.limit { state.sessions.removeFirst() }
      state.sessions.append(session)
      return (session.cookie, session.secret)
    }
  }

  /// Checks what every request must have: one Host that is ours, and, where it changes something or says
  /// where it comes from, our own origin.
  ///
  /// - Throws: ``Refusal``, 403.
  func check(_ request: WebRequest) throws(Refusal) {
    let named = request.headers["host"]
    guard named.count == 1, let host = named.first?.lowercased(), self.hosts.contains(host) else {
      throw Refusal(
        .forbidden, "Host must be \(self.hosts.sorted().joined(separator: " or "))")
    }
    let origins = request.headers["origin"]
    let changes = request.method != .GET && request.method != .HEAD
    guard origins.count == 1 || (origins.isEmpty && !changes) else {
      throw Refusal(.forbidden, "a POST needs its own Origin")
    }
    if let origin = origins.first?.lowercased(),
      origin != "http://\(host)", origin != "https://\(host)"
    {
      throw Refusal(.forbidden, "Origin must be this page's own")
    }
  }

  /// Checks what a request for the daemon must have besides: a session's cookie and its secret.
  ///
  /// - Throws: ``Refusal``, 403.
  func checkSession(_ request: WebRequest) throws(Refusal) {
    if let site = request.headers["sec-fetch-site"].first, site != "same-origin" {
      throw Refusal(.forbidden, "Sec-Fetch-Site must be same-origin")
    }
    let secrets = request.headers["x-riff-secret"]
    let cookies = self.cookies(request)
    let isKnown =
      secrets.count == 1 && cookies.count == 1
      && self.state.withLock { state in
        state.sessions.contains {
          Randomness.equal($0.cookie, cookies[0]) && Randomness.equal($0.secret, secrets[0])
        }
      }
    guard isKnown else {
      throw Refusal(.forbidden, "this browser has not been let in, or riff-web was started anew")
    }
  }

  /// `Set-Cookie` of a session.
  func setCookie(_ cookie: String) -> String {
    "\(self.cookieName)=\(cookie); Path=/api; HttpOnly; SameSite=Strict"
  }

  private func cookies(_ request: WebRequest) -> [String] {
    request.headers["cookie"].flatMap { $0.split(separator: ";") }.compactMap { pair in
      let parts = pair.split(separator: "=", maxSplits: 1)
      guard parts.count == 2, parts[0].drop(while: { $0 == " " }) == self.cookieName else {
        return nil
      }
      return String(parts[1])
    }
  }
}
