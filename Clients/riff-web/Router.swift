import GRPCCore
import NIOCore
import NIOHTTP1

/// What each address does, and who may ask for it.
struct Router: Sendable {
  var doorkeeper: Doorkeeper
  var files: PageFiles
  var jobs: JobCalls
  var takes: Takes

  /// What a request of somebody who has not been let in may take. Without it, a body that never comes, or an answer
  /// that is never read, would hold a connection for as long as its sender likes.
  private static let strangersTime = Duration.seconds(10)

  func serve(_ request: WebRequest, _ responder: WebResponder) async throws {
    try self.doorkeeper.check(request)
    if request.path.hasPrefix("/api/"), request.path != "/api/enter" {
      try self.doorkeeper.checkSession(request)
      return try await self.serveSession(request, request.path, responder)
    }
    try await Self.within(Self.strangersTime) { try await self.serveStranger(request, responder) }
  }

  private func serveStranger(_ request: WebRequest, _ responder: WebResponder) async throws {
    switch (request.method, request.path) {
    case (.POST, "/api/enter"): try await self.enter(request, responder)
    case (.GET, let path), (.HEAD, let path):
      guard let file = self.files[path] else { throw Refusal(.notFound, "there is no such page") }
      try await responder.send(
        type: file.type, file.bytes, headers: [("cache-control", "no-cache")])
    default: throw Refusal(.methodNotAllowed, "only GET, HEAD and POST are served")
    }
  }

  /// Does `work`, and cancels it when the time is over.
  ///
  /// - Throws: ``Refusal``, 408, then; and what `work` throws.
  private static func within(
    _ limit: Duration, _ work: @escaping @Sendable () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(operation: work)
      group.addTask {
        try await Task.sleep(for: limit)
        throw Refusal(.requestTimeout, "the request was not complete within \(limit)")
      }
      defer { group.cancelAll() }
      try await group.next()
    }
  }

  private func enter(_ request: WebRequest, _ responder: WebResponder) async throws {
    let token = String(decoding: try await request.wholeBody(limit: 256), as: UTF8.self)
    guard let session = self.doorkeeper.enter(token: token) else {
      throw Refusal(.forbidden, "that address has been used, or is older than a minute")
    }
    try await responder.sendJSON(
      #"{"secret":"\#(session.secret)"}"#,
      headers: [("set-cookie", self.doorkeeper.setCookie(session.cookie))])
  }

  private func serveSession(
    _ request: WebRequest, _ path: String, _ responder: WebResponder
  ) async throws {
    let parts = path.split(separator: "/").dropFirst().map(String.init)
    switch (request.method, parts.first, parts.count) {
    case (.GET, "status", 1): try await self.answer(responder) { try await self.jobs.status() }
    case (.GET, "models", 1): try await self.answer(responder) { try await self.jobs.models() }
    case (.POST, "generate", 1): try await self.jobs.generate(request, responder)
    case (.POST, "remix", 1): try await self.jobs.remix(request, responder)
    case (.POST, "morph", 1): try await self.jobs.morph(request, responder)
    case (.POST, "render", 1): try await self.jobs.render(request, responder)
    case (.POST, "analyze", 1): try await self.jobs.analyze(request, responder)
    case (.POST, "jam", 1): try await self.jobs.jam(request, responder)
    case (.POST, "jam", 2):
      try await self.jobs.steer(jam: parts[1], request)
      try await responder.sendJSON("{}")
    case (.GET, "takes", 1): try await responder.sendJSON(try self.takes.json())
    case (.GET, "takes", 3):
      guard let id = Int(parts[1]), let take = self.takes[id] else {
        throw Refusal(.notFound, "that take is not kept any more")
      }
      guard let format = TakeDownload.Format(rawValue: parts[2]) else {
        throw Refusal(.notFound, "a take can be had as opus, wav, flac or mp3")
      }
      try await TakeDownload(take: take, format: format).send(to: responder)
    default: throw Refusal(.notFound, "there is no such call")
    }
  }

  /// A call of one answer; what the daemon says against it comes with status 502.
  private func answer(
    _ responder: WebResponder, _ call: () async throws -> String
  ) async throws {
    do {
      try await responder.sendJSON(try await call())
    } catch let error as RPCError {
      throw Refusal(.badGateway, error.message)
    }
  }
}
