from common import *
dr=draws(60)
# oracle: true composition
def fr(c):
    v=np.zeros(len(ELx)); t=sum(c.values())
    for e,n in c.items(): v[fx.get(e,len(ELx)-1)]+=n/t
    return v
C=np.stack([fr(parse(f)) for f in forms])
def rep(Z,tag,Cs=(1,3,10,30,100)):
    X=Z-Z.mean(0); X=X/np.sqrt((X**2).sum(1).mean())
    print(tag,' '.join('C%g %.3f/%.3f'%(c,*score(X,dr,c)) for c in Cs),flush=True)
rep(C,'oracle fractions'); rep(np.sqrt(C),'sqrt frac'); rep((C>0).astype(float),'presence')
big=np.array(sorted(els,key=els.get)[::-1][:40]); print(big)
for i in range(len(y)):
    if y[i]==0: print(names[i],forms[i],cond[i], 'held' if names[i] in held else '')
import random
neg=[forms[i] for i in range(len(y)) if y[i]==1]; print(neg)
