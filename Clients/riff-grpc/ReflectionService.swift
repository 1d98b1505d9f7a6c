internal import GRPCCore
internal import SwiftProtobuf

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// gRPC's server reflection, v1 and v1alpha, whose messages are the same bytes: what the files
/// `riff.proto`, `health.proto` and `reflection.proto` hold.
struct ReflectionService: Sendable {
  static let names: Set<String> = [
    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
  ]

  private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
  private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

  private let files: [Google_Protobuf_FileDescriptorProto]

  init() throws {
    let bytes = Data(base64Encoded: fileDescriptorSet) ?? Data()
    self.files = try Google_Protobuf_FileDescriptorSet(serializedBytes: Array(bytes)).file
  }

  func serve(
    _ stream: GatewayStream, _ requests: inout GatewayRequests.AsyncIterator
  ) async throws {
    guard stream.descriptor.method == "ServerReflectionInfo" else {
      throw RPCError(
        code: .unimplemented,
        message: "\(stream.descriptor.service) has no method \(stream.descriptor.method)")
    }
    try await stream.outbound.write(.metadata([:]))
    while case .message(let message)? = try await requests.next() {
      try await stream.respond(try self.answer(message.decode(Request.self)))
    }
    try await stream.end()
  }

  private func answer(_ request: Request) throws -> Response {
    var response = Response()
    response.validHost = request.host
    response.originalRequest = request
    switch request.messageRequest {
    case .listServices:
      response.listServicesResponse.service = self.files.flatMap { file in
        file.service.map { service in
          Grpc_Reflection_V1_ServiceResponse.with { $0.name = "\(file.package).\(service.name)" }
        }
      }
    case .fileByFilename(let name):
      try self.answer(self.files.first { $0.name == name }, named: name, &response)
    case .fileContainingSymbol(let symbol):
      let file = self.files.first { Self.symbols(of: $0).contains(symbol) }
      try self.answer(file, named: symbol, &response)
    case .fileContainingExtension(let wanted):
      try self.answer(nil, named: wanted.containingType, &response)
    case .allExtensionNumbersOfType(let name):
      response.allExtensionNumbersResponse.baseTypeName = name
    case nil:
      response.errorResponse.errorCode = Int32(Status.Code.invalidArgument.rawValue)
      response.errorResponse.errorMessage = "the request asks for nothing"
    }
    return response
  }

  private func answer(
    _ file: Google_Protobuf_FileDescriptorProto?, named name: String, _ response: inout Response
  ) throws {
    if let file {
      response.fileDescriptorResponse.fileDescriptorProto = [try file.serializedBytes()]
    } else {
      response.errorResponse.errorCode = Int32(Status.Code.notFound.rawValue)
      response.errorResponse.errorMessage = "nothing here has the name \(name)"
    }
  }

  /// Full names of services, methods, messages and enumerations.
  private static func symbols(of file: Google_Protobuf_FileDescriptorProto) -> Set<String> {
    var symbols: Set<String> = []
    func add(_ messages: [Google_Protobuf_DescriptorProto], in scope: String) {
      for message in messages {
        let name = "\(scope).\(message.name)"
        symbols.insert(name)
        symbols.formUnion(message.enumType.map { "\(name).\($0.name)" })
        symbols.formUnion(message.field.map { "\(name).\($0.name)" })
        add(message.nestedType, in: name)
      }
    }
    add(file.messageType, in: file.package)
    symbols.formUnion(file.enumType.map { "\(file.package).\($0.name)" })
    for service in file.service {
      let name = "\(file.package).\(service.name)"
      symbols.insert(name)
      symbols.formUnion(service.method.map { "\(name).\($0.name)" })
    }
    return symbols
  }
}
