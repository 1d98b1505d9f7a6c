/// The models that requests may name.
final class ModelCatalog: Sendable {
  /// In the order given; the first is the default.
  let models: [CatalogModel]

  init(_ locations: [ModelLocation], loras: LoRACatalog) {
    self.models = locations.map { CatalogModel($0, loras: loras) }
  }

  /// The model of that name, or the default for an empty one.
  ///
  /// - Throws: ``JobError`` of kind `notFound` that lists the names there are.
  func model(named name: String) throws(JobError) -> CatalogModel {
    guard
      let model = name.isEmpty ? self.models.first : self.models.first(where: { $0.name == name })
    else {
      let names = self.models.map(\.name).joined(separator: ", ")
      throw JobError(
        .notFound(field: "model"),
        self.models.isEmpty
          ? "this daemon has no models; start it with --model NAME=DIR"
          : "no model is named “\(name.prefix(100))”; there are: \(names)")
    }
    return model
  }
}
