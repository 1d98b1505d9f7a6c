import NIOCore
import NIOHTTP1
import Synchronization

/// A connection: its requests one after the other. When it is lost, the request that is being served is
/// cancelled, and the daemon's job with it.
struct WebConnection: Sendable {
  typealias Channel = NIOAsyncChannel<HTTPServerRequestPart, HTTPPart<HTTPResponseHead, ByteBuffer>>

  /// Is not read before ``run()``.
  var channel: Channel
  var router: Router
  /// Is told when a request begins and when it has been served.
  var busy: @Sendable (Bool) -> Void

  func run() async {
    try? await self.channel.executeThenClose { inbound, outbound in
      try await self.channel.channel.setOption(.autoRead, value: true).get()
      try await withThrowingDiscardingTaskGroup { group in
        var body: BodyPipe?
        // Ends when the last request has been answered.
        var answered: AsyncStream<Never>?
        defer {
          body?.finish(isComplete: false)
          group.cancelAll()
        }
        for try await part in inbound {
          switch part {
          case .head(let head):
            if let answered { for await _ in answered {} }
            let (done, finish) = AsyncStream.makeStream(of: Never.self)
            answered = done
            let pipe = BodyPipe()
            body = pipe
            group.addTask {
              defer { finish.finish() }
              do {
                try await self.serve(WebRequest(head: head, body: pipe), outbound)
              } catch {
                // Nothing more is answered here. The loop that reads would wait for ever.
                self.channel.channel.close(promise: nil)
                throw error
              }
            }
          case .body(let bytes): await body?.push(bytes)
          case .end:
            body?.finish(isComplete: true)
            body = nil
          }
        }
      }
    }
  }

  private func serve(_ request: WebRequest, _ outbound: WebResponder.Outbound) async throws {
    self.busy(true)
    defer {
      request.body.drop()
      self.busy(false)
    }
    let responder = WebResponder(outbound, to: request.head)
    var isLast = !request.head.isKeepAlive
    do {
      try await self.router.serve(request, responder)
    } catch let refusal as Refusal where !responder.isBegun {
      try await responder.send(refusal)
      // The rest of its body may come at any time, or never.
      if refusal.status == .requestTimeout { isLast = true }
    } catch {
      guard !responder.isBegun, !Task.isCancelled else { throw error }
      try await responder.send(Refusal(.internalServerError, "\(error)"))
    }
    if isLast { throw LastAnswer() }
  }

  /// The connection is to be closed behind the answer.
  private struct LastAnswer: Error {}
}
