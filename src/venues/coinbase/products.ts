/**
 * The id under which frames name a product: `-USDC` is an alias of `-USD` on public channels (docs.cdp.coinbase.com,
 * "Advanced Trade WebSocket channels"), so what was asked for as BTC-USDC comes as BTC-USD.
 */
export function canonical(product: string): string {
  return product.endsWith("-USDC") ? product.slice(0, -1) : product;
}
