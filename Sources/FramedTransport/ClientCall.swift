internal import GRPCCore

/// How a client's call gets its stream: on the connection there is; on another one if that takes no new call;
/// and once more if the server has never seen it (framing.md, section 8).
struct ClientCall: Sendable {
  let endpoint: StreamEndpoint
  let method: MethodDescriptor
  /// When the call began; its `grpc-timeout` counts from then.
  let began: ContinuousClock.Instant
  let responseLimit: Int
  /// Another connection, where the one there was takes no new call.
  let reconnect: @Sendable () async throws -> ConnectionLink
  private let unseen: AsyncStream<UnseenCall>
  /// On how many connections opening a stream is tried.
  private static let attempts = 3

  init(
    link: ConnectionLink, method: MethodDescriptor, began: ContinuousClock.Instant,
    responseLimit: Int, reconnect: @escaping @Sendable () async throws -> ConnectionLink
  ) {
    let (unseen, whenUnseen) = AsyncStream<UnseenCall>.makeStream(
      bufferingPolicy: .bufferingNewest(1))
    self.endpoint = StreamEndpoint(link: link, role: .client, whenUnseen: whenUnseen)
    self.method = method
    self.began = began
    self.responseLimit = responseLimit
    self.reconnect = reconnect
    self.unseen = unseen
  }

  /// Opens the stream, on another connection if this one has ended meanwhile and the reason would not
  /// meet the other, too. Nothing has been sent then. The reader learns of a failure: no status will come.
  ///
  /// - Parameter unseen: What had been sent of the call on a connection whose server never saw it.
  func open(_ metadata: Metadata, again unseen: UnseenCall? = nil) async throws {
    do {
      try await self.tryToOpen(metadata, again: unseen)
    } catch {
      let error =
        error as? RPCError
        ?? RPCError(code: .unknown, message: "no call was opened", cause: error)
      self.endpoint.cancel(error)
      throw error
    }
  }

  private func tryToOpen(_ metadata: Metadata, again unseen: UnseenCall?) async throws {
    let (endpoint, method, limit) = (self.endpoint, self.method, self.responseLimit)
    endpoint.metadata = metadata
    for attempt in 1... {
      let link = endpoint.link
      do {
        let metadata = try self.withRemainingTimeout(metadata)
        return try await link.call { handler throws(RPCError) in
          try handler.open(endpoint, method, metadata, messageLimit: limit, again: unseen)
        }
      } catch {
        guard attempt < Self.attempts, link.ending?.allowsAnother == true else { throw error }
        do {
          endpoint.move(to: try await self.reconnect())
        } catch let refusal as RPCError where refusal.code == .failedPrecondition {
          // The client is closing; that is not why this call fails.
          throw error
        }
      }
    }
  }

  /// Waits for the call to turn out unseen, and makes it again then. It runs beside those who write and read
  /// the call, until the task is cancelled.
  func repeatUnseen() async {
    for await unseen in self.unseen {
      do {
        self.endpoint.move(to: try await self.reconnect())
      } catch {
        // Why the first connection let the call go says more than that there is no second one.
        self.endpoint.cancel(Task.isCancelled ? InboundBuffer.cancelled : unseen.error)
        continue
      }
      // Its failure is the reader's to tell.
      try? await self.open(self.endpoint.metadata, again: unseen)
    }
  }

  /// Metadata whose `grpc-timeout` is what is left of it.
  private func withRemainingTimeout(_ metadata: Metadata) throws(RPCError) -> Metadata {
    var metadata = metadata
    guard let timeout = try metadata.takeTimeout() else { return metadata }
    guard let duration = timeout.duration else { return metadata }
    let deadline = self.began + duration
    guard let rest = CallTimeout(ContinuousClock.now.duration(to: deadline)) else {
      throw ConnectionStateMachine.deadlineExceeded
    }
    self.endpoint.deadline = deadline
    metadata.addString(rest.text, forKey: CallTimeout.key)
    return metadata
  }
}
