/// How an autoencoder takes wide pictures: in parts, each with some of its neighbours' columns beside it.
struct ColumnCut {
  /// Latent columns up to which a picture is not cut.
  let whole: Int
  /// Latent columns of a part, besides those of its neighbours, at most; a multiple of `grain`.
  let columns: Int
  /// Parts begin at multiples of so many latent columns.
  let grain: Int
  /// Latent columns that a part is shown of each neighbour.
  let margin: Int
  /// Latent columns to each side of where two parts meet, over which one fades into the other: what lies further
  /// out was computed too near to an edge. 0 where nothing beyond the margin matters.
  let fade: Int

  /// Whether what is put together is the whole's, but for rounding.
  var isExact: Bool { fade == 0 }
}
