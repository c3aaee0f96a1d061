from lab import *
def descr(c,rows):
    out=[]
    off,idx,val=c
    for r in rows:
        i=idx[off[r]:off[r+1]]; v=val[off[r]:off[r+1]]; tt=i*.02; q=4*np.pi*np.sin(np.radians(tt/2))/1.54184
        ok=v>=.003; p=v/v.sum(); s=np.sqrt(v)/np.sqrt(v).sum()
        big=v>=.1
        ent=-(p*np.log(p)).sum()
        # intensity corrected for LP
        th=np.radians(tt/2); lp=(1+np.cos(2*th)**2)/(np.sin(th)**2*np.cos(th)); w=v/np.maximum(lp,1e-3); pw=w/w.sum()
        out.append([np.log(ok.sum()),np.log(big.sum()),ent,(p*q).sum(),(s*q).sum(),(pw*q).sum(),np.sqrt((pw*(q-(pw*q).sum())**2).sum()),np.log(q[ok].min()),np.log(q[big].min()),np.log(q[v.argmax()]),pw[q<2].sum(),pw[q<3].sum(),pw[q>4.5].sum()])
    return np.array(out)
H=descr(Lcsr,np.arange(len(y))); HU=descr(Ucsr,np.arange(len(UI)))
np.savez('H.npz',H=H,HU=HU)
Xh,XhU=(H-HU.mean(0))/HU.std(0)/H.shape[1]**.5,(HU-HU.mean(0))/HU.std(0)/H.shape[1]**.5
for k in range(H.shape[1]): print(k,'univariate AUC dev %.3f'%auc(H[dev][:,k],y[dev]))
for nm,dr in (('DR',DR),('DU',DU)):
    for C in (.3,3,30): say(f'handmade {nm} C{C}',evaluate(logit(Xh,C),dr))
    Xs=[std(*[np.load(f'Z_cs{s}.npz')[k] for k in('Z','ZU')])[0] for s in range(4)]
    X=np.concatenate(Xs,1)/2
    for C in (.3,3,30): say(f'cs {nm} C{C}',evaluate(logit(X,C),dr))
    for C in (.3,3,30): say(f'both {nm} C{C}',evaluate(logit(np.c_[X,Xh],C),dr))
