internal import Provenance

/// A LoRA of a model, checked against its layers. Its matrices are made ready when they are first needed,
/// and serve every weight that a picture may give it.
final class LoadedAdapter: Sendable {
  /// In a fixed order: adding is not associative.
  let layers: [(weight: ObjectIdentifier, layer: LowRankLayer)]
  /// Tells it from others.
  let fingerprint: Fingerprint

  /// Throws `checkpoint` naming the first tensor whose layer the model does not have, or has in another
  /// shape.
  init(_ file: LoRAFile, for places: AdapterPlaces) throws(DiffusionError) {
    var layers: [(weight: ObjectIdentifier, layer: LowRankLayer)] = []
    for update in try file.updates(
      unet: places.unet.mapValues(\.shape), textEncoder: places.textEncoder.mapValues(\.shape))
    {
      let place: AdapterPlace? =
        switch update.place {
        case .unet(let name): places.unet[name]
        case .textEncoder(let name): places.textEncoder[name]
        }
      // A shape was found for it, so it is there.
      guard let place else { continue }
      layers.append(
        (ObjectIdentifier(place.weight), Self.layer(of: update.product, at: place)))
    }
    self.layers = layers
    fingerprint = try file.fingerprint()
  }

  /// Bytes that its matrices take in memory now.
  var residentBytes: Int {
    layers.reduce(0) { $0 + $1.layer.down.residentBytes + $1.layer.up.residentBytes }
  }

  private static func layer(of product: LowRankUpdate, at place: AdapterPlace) -> LowRankLayer {
    let form = place.weight.form
    return LowRankLayer(
      down: MatrixWeight(
        [product.down], columns: product.columns, taps: place.taps,
        // There is little to gain from 8 bits, and more to lose than in the sum.
        form: form == .quads ? .pairs : form),
      up: MatrixWeight(
        [product.up], columns: product.rank, form: form == .stored ? .stored : .pairs),
      firstRow: place.firstRow, scale: product.scale)
  }
}
