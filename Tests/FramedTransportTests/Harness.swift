import FramedTransport
import GRPCCore
import Glibc
import Synchronization

/// Messages are bytes as they are.
struct RawCoding: MessageSerializer, MessageDeserializer {
  func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) throws -> Bytes {
    Bytes(message)
  }

  func deserialize<Bytes: GRPCContiguousBytes>(_ bytes: Bytes) throws -> [UInt8] {
    bytes.withUnsafeBytes { Array($0) }
  }
}

typealias Handler =
  @Sendable (StreamingServerRequest<[UInt8]>, ServerContext) async throws ->
  StreamingServerResponse<[UInt8]>

/// A service of handlers by method name.
struct TestService: RegistrableRPCService {
  static let name = "test.Service"
  var handlers: [String: Handler]

  func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for (method, handler) in self.handlers {
      router.registerHandler(
        forMethod: Self.method(method), deserializer: RawCoding(), serializer: RawCoding(),
        handler: handler)
    }
  }

  static func method(_ name: String) -> MethodDescriptor {
    MethodDescriptor(fullyQualifiedService: self.name, method: name)
  }
}

/// A directory of mode 0700 under /tmp that goes away with its object.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    var template = Array("/tmp/framed-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Errno(code: errno) }
    self.path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for name in ["s", "s.lock", "d/s", "d/s.lock", "file"] { unlink("\(self.path)/\(name)") }
    for name in ["link", "d/link"] { unlink("\(self.path)/\(name)") }
    rmdir("\(self.path)/d")
    rmdir(self.path)
  }
}

struct Errno: Error {
  var code: Int32
}

/// A server with a client, both on real sockets.
struct Pair: Sendable {
  let client: GRPCClient<FramedTransport.Client>
  let transport: FramedTransport.Server
  let path: String
  let stopServer: @Sendable () -> Void

  /// Calls `method` with one message and returns the only response message.
  func unary(
    _ method: String, _ message: [UInt8] = [], metadata: Metadata = [:],
    options: CallOptions = .defaults
  ) async throws -> [UInt8] {
    try await self.client.unary(
      request: ClientRequest(message: message, metadata: metadata),
      descriptor: TestService.method(method), serializer: RawCoding(), deserializer: RawCoding(),
      options: options
    ) { try $0.message }
  }

  /// Calls `method` with one message and reads its response messages with `read`.
  func stream<Result: Sendable>(
    _ method: String, _ message: [UInt8] = [], options: CallOptions = .defaults,
    _ read: @escaping @Sendable (StreamingClientResponse<[UInt8]>) async throws -> Result
  ) async throws -> Result {
    try await self.client.serverStreaming(
      request: ClientRequest(message: message), descriptor: TestService.method(method),
      serializer: RawCoding(), deserializer: RawCoding(), options: options, onResponse: read)
  }
}

/// Runs `body` with a server that has `handlers` and a client connected to it.
func withPair<Result: Sendable>(
  _ handlers: [String: Handler],
  server configure: (inout FramedTransport.Server.Configuration) -> Void = { _ in },
  client configureClient: (inout FramedTransport.Client.Configuration) -> Void = { _ in },
  _ body: @escaping @Sendable (Pair) async throws -> Result
) async throws -> Result {
  let directory = try TemporaryDirectory()
  let path = directory.path + "/s"
  var configuration = FramedTransport.Server.Configuration()
  configuration.gracePeriod = .seconds(5)
  configure(&configuration)
  var clientConfiguration = FramedTransport.Client.Configuration()
  configureClient(&clientConfiguration)
  let transport = FramedTransport.Server(
    place: try SocketPlace.claim(path), configuration: configuration)
  let server = GRPCServer(transport: transport, services: [TestService(handlers: handlers)])
  let serving = Task { try await server.serve() }
  try await waitForSocket(path)
  let client = GRPCClient(
    transport: try FramedTransport.Client(path: path, configuration: clientConfiguration))
  let connecting = Task { try await client.runConnections() }
  let pair = Pair(
    client: client, transport: transport, path: path, stopServer: { serving.cancel() })
  let result: Swift.Result<Result, any Error>
  do { result = .success(try await body(pair)) } catch { result = .failure(error) }
  client.beginGracefulShutdown()
  // It throws only if the client was stopped before this task had begun.
  try? await connecting.value
  server.beginGracefulShutdown()
  try await serving.value
  withExtendedLifetime(directory) {}
  return try result.get()
}

/// Waits until somebody listens at `path`.
func waitForSocket(_ path: String) async throws {
  for _ in 0..<2000 {
    if let peer = try? RawPeer(path) {
      peer.close()
      return
    }
    try await Task.sleep(for: .milliseconds(5))
  }
  throw Errno(code: ETIMEDOUT)
}

/// Waits until `condition` holds; the test's own time limit ends it otherwise.
func eventually(_ condition: @Sendable () -> Bool) async throws {
  while !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

/// A value that handlers and tests share.
final class Box<Value: Sendable>: Sendable {
  private let mutex: Mutex<Value>

  init(_ value: Value) {
    self.mutex = Mutex(value)
  }

  var value: Value {
    get { self.mutex.withLock { $0 } }
    set { self.mutex.withLock { $0 = newValue } }
  }

  func update(_ body: (inout Value) -> Void) {
    self.mutex.withLock { body(&$0) }
  }
}

extension StreamingServerResponse where Message == [UInt8] {
  /// A response of the messages that `produce` writes.
  static func messages(
    _ produce: @escaping @Sendable (RPCWriter<[UInt8]>) async throws -> Void
  ) -> Self {
    StreamingServerResponse { writer in
      try await produce(writer)
      return [:]
    }
  }
}

func code(_ body: () async throws -> Void) async -> RPCError.Code? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? RPCError)?.code
  }
}
