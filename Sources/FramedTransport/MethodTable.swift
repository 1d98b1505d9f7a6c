internal import GRPCCore

/// Configuration by method: a method's own, its service's, or that of all methods, in this order.
struct MethodTable: Sendable {
  private var configurations: [MethodConfig.Name: MethodConfig] = [:]

  init(_ serviceConfig: ServiceConfig) {
    for configuration in serviceConfig.methodConfig {
      for name in configuration.names { self.configurations[name] = configuration }
    }
  }

  subscript(_ descriptor: MethodDescriptor) -> MethodConfig? {
    let service = descriptor.service.fullyQualifiedService
    guard !service.isEmpty else { return self.configurations[MethodConfig.Name(service: "")] }
    return self.configurations[MethodConfig.Name(service: service, method: descriptor.method)]
      ?? self.configurations[MethodConfig.Name(service: service)]
      ?? self.configurations[MethodConfig.Name(service: "")]
  }
}
