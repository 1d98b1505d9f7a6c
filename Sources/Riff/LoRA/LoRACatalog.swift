import Diffusion

/// The LoRAs that requests may name.
struct LoRACatalog: Sendable {
  /// In the order given.
  let locations: [LoRALocation]

  init(_ locations: [LoRALocation]) { self.locations = locations }

  /// - Throws: ``JobError`` of kind `notFound` that lists the names there are.
  func path(of name: String) throws(JobError) -> String {
    guard let location = self.locations.first(where: { $0.name == name }) else {
      let names = self.locations.map(\.name).joined(separator: ", ")
      throw JobError(
        .notFound(field: "loras"),
        self.locations.isEmpty
          ? "this daemon has no LoRAs; start it with --lora NAME=FILE"
          : "no LoRA is named “\(name.prefix(100))”; there are: \(names)")
    }
    return location.path
  }

  /// - Throws: ``JobError`` of kind `notFound`.
  func adapters(_ uses: [LoRAUse]) throws(JobError) -> [ModelAdapter] {
    var adapters: [ModelAdapter] = []
    for use in uses {
      adapters.append(ModelAdapter(path: try self.path(of: use.name), weight: use.weight))
    }
    return adapters
  }

  /// What each is. Blocks: it reads their headers.
  func describe() -> [LoRADescription] {
    self.locations.map { location in
      LoRADescription(
        name: location.name, path: location.path,
        details: Result { () throws(JobError) in
          do {
            let info = try AdapterInfo(path: location.path)
            return LoRADescription.Details(rank: info.rank, fingerprint: info.fingerprint)
          } catch {
            throw JobError(error)
          }
        })
    }
  }
}

extension RequestFaults {
  /// Notes what is wrong with a request's LoRAs.
  mutating func check(_ uses: [LoRAUse], _ catalog: LoRACatalog) {
    if uses.count > RequestLimits.loras {
      self.add("loras", "loras must be at most \(RequestLimits.loras), not \(uses.count)")
    }
    var names: Set<String> = []
    for use in uses.prefix(RequestLimits.loras) {
      _ = self.value(or: "") { () throws(JobError) in try catalog.path(of: use.name) }
      self.check("loras.weight", use.weight, RequestLimits.loraWeight)
      if !names.insert(use.name).inserted {
        self.add("loras", "loras must name “\(use.name.prefix(100))” once")
      }
    }
  }
}
